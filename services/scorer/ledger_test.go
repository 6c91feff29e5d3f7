package scorer

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// ledger is everything the journals of all partitions hold.
type ledger struct {
	decisions map[string]*riskdv1.Decision
	looked    map[string]*riskdv1.Enrichment
	counts    counts
	dead      []*riskdv1.JournalEntry
	signals   []*riskdv1.Signal // each session's in order
	fences    int
	events    int
	twice     int // events judged more than once
}

// readLedger checks every chain and that no input was left out or taken twice.
func readLedger(t testing.TB, js jetstream.JetStream, partitions int) *ledger {
	t.Helper()
	l := &ledger{decisions: map[string]*riskdv1.Decision{}, looked: map[string]*riskdv1.Enrichment{}}
	r := natsjs.NewJournalReader(js)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p := range partitions {
		wg.Go(func() {
			last, ok, err := r.Last(ctx, p)
			if err != nil || !ok {
				t.Errorf("partition %d: last record: %v, %v", p, ok, err)
				return
			}
			mu.Lock()
			l.counts.add(last.Record.Totals)
			mu.Unlock()
			var c journal.Chain
			input := uint64(0)
			for at := uint64(0); at < last.Seq; {
				recs, err := r.Next(ctx, p, at, 100)
				if err != nil {
					t.Errorf("partition %d after %d: %v", p, at, err)
					return
				}
				mu.Lock()
				for _, s := range recs {
					at = s.Seq
					if err := c.Next(s); err != nil {
						t.Error(err)
					}
					if s.Record.Kind == riskdv1.JournalRecord_KIND_FENCE {
						l.fences++
					}
					for _, e := range s.Record.Entries {
						if input++; e.Input != input {
							t.Errorf("partition %d: input %d follows %d", p, e.Input, input-1)
							input = e.Input
						}
						l.events++
						switch e.Status {
						case riskdv1.JournalEntry_STATUS_SCORED:
							if l.decisions[e.Decision.EventId] != nil {
								l.twice++
								t.Errorf("event %s was judged twice", e.Decision.EventId)
							}
							l.decisions[e.Decision.EventId] = e.Decision
							l.looked[e.Decision.EventId] = e.Enrichment
							l.signals = append(l.signals, e.Decision.Signals...)
						case riskdv1.JournalEntry_STATUS_DEAD:
							l.dead = append(l.dead, e)
						}
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return l
}

// accepted reads how many messages all partitions have committed.
func accepted(t testing.TB, js jetstream.JetStream, partitions int) uint64 {
	t.Helper()
	var c counts
	for p := range partitions {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		s, ok, err := natsjs.LastRecord(ctx, js, p)
		cancel()
		if err == nil && ok {
			c.add(s.Record.Totals)
		}
	}
	return c.accepted
}

func waitAccepted(t testing.TB, js jetstream.JetStream, partitions int, want uint64) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		got := accepted(t, js, partitions)
		if got == want {
			return
		}
		if got > want || time.Now().After(deadline) {
			t.Fatalf("got %d messages committed, want %d", got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// checkAgainst compares the ledger, decision by decision, and the stored profiles, byte by byte, with the reference.
func checkAgainst(t testing.TB, js jetstream.JetStream, partitions int, ref *serial) *ledger {
	t.Helper()
	l := readLedger(t, js, partitions)
	if len(l.decisions) != len(ref.decisions) {
		t.Errorf("got %d decisions, want %d", len(l.decisions), len(ref.decisions))
	}
	wrong := 0
	for id, want := range ref.decisions {
		got := l.decisions[id]
		if got == nil {
			t.Errorf("event %s has no decision", id)
			continue
		}
		want.Geo = got.Geo // the engine does not know it
		if string(wire.AppendDecisionJSON(nil, got)) != string(wire.AppendDecisionJSON(nil, want)) {
			if wrong++; wrong <= 3 {
				t.Errorf("event %s:\n got %s\nwant %s", id, wire.AppendDecisionJSON(nil, got), wire.AppendDecisionJSON(nil, want))
			}
		}
	}
	users := 0
	for p := range partitions {
		loaded := reload(t, js, p)
		st := loaded.st
		users += st.users
		checkCrowd(t, js, loaded)
		for n := range st.pages {
			walk(st.pages[n].buf, func(e entry) {
				want := ref.profiles[string(e.key)]
				if want == nil {
					t.Errorf("a profile of nobody: %q", e.key)
				} else if string(want.AppendBinary(nil)) != string(e.profile) {
					t.Errorf("the profile of %q differs", e.key)
				}
			})
		}
	}
	if users != len(ref.profiles) {
		t.Errorf("got %d profiles, want %d", users, len(ref.profiles))
	}
	if l.counts.accepted != l.counts.scored+l.counts.duplicate+l.counts.late+l.counts.dead {
		t.Errorf("totals do not add up: %+v", l.counts)
	}
	return l
}

// rebuild loads a partition's state as a new owner would, without taking the partition.
func rebuild(t testing.TB, js jetstream.JetStream, n int) *store {
	t.Helper()
	return reload(t, js, n).st
}

func reload(t testing.TB, js jetstream.JetStream, n int) *partition {
	t.Helper()
	en := newEnricher(t)
	s, err := New(quickConfig(), Deps{Broker: natsjs.NewBroker(js), Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := newParts(s.deps.Sections(n))
	if err != nil {
		t.Fatal(err)
	}
	p := &partition{s: s, n: n, log: s.deps.Broker.Log(n), fx: newEffects(now, s, n), parts: parts}
	p.fx.room = make(chan struct{}, 1<<20) // effects are not ours to repeat here: none is published
	last, ok, err := natsjs.LastRecord(t.Context(), js, n)
	if err != nil || !ok {
		t.Fatalf("partition %d: %v, %v", n, ok, err)
	}
	p.at = placeOf(last)
	defer p.fx.finish()
	if err := p.loadOnce(t.Context(), last); err != nil {
		t.Fatalf("loading partition %d: %v", n, err)
	}
	return p
}
