package scorer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("RISKD_TEST_CHILD"); dir != "" {
		child(dir)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "engine" { // of the chaos suite
		if err := engine.RunChild(context.Background(), engine.ChildOptions{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func testLog() *slog.Logger {
	if os.Getenv("RISKD_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

func newEngine(t testing.TB) *risk.Engine {
	t.Helper()
	e, err := makeEngine()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func makeEngine() (*risk.Engine, error) { return risk.New(policy.Default(), baseline.Default()) }

// enrichment is how the workers of these tests look things up: they know no places, but in the pipeline bench.
var enrichment enrich.Config

func newEnricher(t testing.TB) *enrich.Enricher {
	t.Helper()
	e, err := enrich.New(enrichment)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sectionsOf(en *enrich.Enricher) func(int) []Section {
	return func(n int) []Section { return []Section{en.Crowd(n)} }
}

// place is where users of the test world live or are said to be.
var (
	london = &riskdv1.Geo{Lat: 51.5, Lon: -0.12, AccuracyKm: 10, Country: "GB", City: "London"}
	tokyo  = &riskdv1.Geo{Lat: 35.68, Lon: 139.69, AccuracyKm: 10, Country: "JP", City: "Tokyo"}
)

// world makes events of a few users in event-time order per user: quiet days, now and then a login from the other side of
// the earth, challenges answered or not, receipts, and duplicates. A crowded one shares addresses and devices: what was
// counted across users then depends on how partitions went along, and is taken from the journal by foldAsJournaled.
type world struct {
	crowded bool
	rng     *rand.Rand
	users   int
	base    time.Time
	n       int
	last    []*riskdv1.Event
	clock   []time.Time
	dups    int
}

func newWorld(seed uint64, users int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), users: users, base: time.Now().Add(-10 * 24 * time.Hour),
		last: make([]*riskdv1.Event, users), clock: make([]time.Time, users)}
	for i := range w.clock {
		w.clock[i] = w.base.Add(time.Duration(w.rng.IntN(3600)) * time.Second)
	}
	return w
}

func (w *world) next() *riskdv1.Event {
	u := w.rng.IntN(w.users)
	w.n++
	if w.last[u] != nil && w.rng.IntN(50) == 0 {
		w.dups++
		return w.last[u]
	}
	w.clock[u] = w.clock[u].Add(time.Duration(30+w.rng.IntN(600)) * time.Second)
	ev := &riskdv1.Event{Id: fmt.Sprintf("e%d", w.n), Source: "//test", Type: "dev.riskd.activity.v1", TimeMs: w.clock[u].UnixMilli(),
		TenantId: "acme", User: &riskdv1.User{Id: fmt.Sprintf("user-%d", u)}, Session: &riskdv1.Session{Id: fmt.Sprintf("s%d-%d", u, w.n/200)},
		Action: "resource.read", Outcome: "success", Network: &riskdv1.Network{Geo: london, Asn: 64500, Kind: "residential"},
		Http: &riskdv1.Http{UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}}
	switch k := w.rng.IntN(20); {
	case k < 6:
		ev.Action = "auth.login"
	case k == 6:
		ev.Action, ev.Network = "auth.login", &riskdv1.Network{Geo: tokyo, Asn: 64999, Kind: "hosting"}
		ev.Session.Id = fmt.Sprintf("thief%d-%d", u, w.n)
	case k == 7:
		ev.Action, ev.Resource, ev.Outcome = "apikey.create", &riskdv1.Resource{Type: "apikey", Id: "k", Sensitivity: "critical"}, "challenged"
	case k == 8 && w.last[u] != nil:
		prev := w.last[u]
		ev.Type, ev.Action = "dev.riskd.stepup.completed.v1", "stepup.completed"
		ev.Session = &riskdv1.Session{Id: prev.Session.Id, Acr: "aal2", Amr: []string{"pwd", "otp"}, AuthTimeMs: ev.TimeMs}
		ev.ChallengeId = subject.ChallengeID("acme", prev.Session.Id, prev.Source, prev.Id)
	case k == 9:
		ev.Outcome = "failure"
		ev.Action = "auth.login"
	}
	if w.crowded {
		ev.Network = proto.CloneOf(ev.Network)
		ev.Network.Ip = fmt.Sprintf("198.51.100.%d", w.rng.IntN(40))
		ev.Device = &riskdv1.Device{Id: fmt.Sprintf("d%d", w.rng.IntN(60))}
	}
	w.last[u] = ev
	return ev
}

func (w *world) take(n int) []*riskdv1.Event {
	out := make([]*riskdv1.Event, n)
	for i := range out {
		out[i] = w.next()
	}
	return out
}

// serial is the reference: one fold over the events in the order they were sent, on one machine.
type serial struct {
	decisions map[string]*riskdv1.Decision
	profiles  map[string]*profile.Profile
	dups      int
}

func foldSerially(t testing.TB, evs []*riskdv1.Event) *serial {
	t.Helper()
	return foldAsJournaled(t, evs, nil)
}

// foldAsJournaled takes what was looked up for an event from the journal where it is there.
func foldAsJournaled(t testing.TB, evs []*riskdv1.Event, looked map[string]*riskdv1.Enrichment) *serial {
	t.Helper()
	engine, enricher := newEngine(t), newEnricher(t)
	s := &serial{decisions: map[string]*riskdv1.Decision{}, profiles: map[string]*profile.Profile{}}
	for _, pb := range evs {
		key := string(appendKey(nil, pb.TenantId, pb.User.Id))
		p := s.profiles[key]
		if p == nil {
			p = new(profile.Profile)
			s.profiles[key] = p
		}
		var ev event.Event
		en := looked[pb.Id]
		if en == nil {
			en = enricher.Enrich(pb, time.Now().UnixMilli())
		}
		if err := wire.ToEvent(pb, en, &ev); err != nil {
			t.Fatal(err)
		}
		var d decision.Decision
		engine.Step(p, &ev, &d)
		switch d.Status {
		case decision.Scored:
			out := new(riskdv1.Decision)
			wire.FromDecision(&d, out)
			s.decisions[pb.Id] = out
		case decision.Duplicate:
			s.dups++
		default:
			t.Fatalf("event %s: status %d %s", pb.Id, d.Status, d.Reason)
		}
	}
	return s
}

// worker is a scorer in this process with a connection of its own.
type worker struct {
	*Service
	nc     *nats.Conn
	cancel context.CancelFunc
	done   chan error
}

func quickConfig() Config {
	cfg := DefaultConfig()
	cfg.LeaseTTL, cfg.HandoverWait, cfg.StopWait = 1200*time.Millisecond, 2*time.Second, 3*time.Second
	cfg.CheckpointEvery = 300 * time.Millisecond
	return cfg
}

func startWorker(t testing.TB, url string, cfg Config) *worker {
	t.Helper()
	nc, err := natsjs.Connect(url, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	en := newEnricher(t)
	s, err := New(cfg, Deps{Broker: natsjs.NewBroker(js), Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{Service: s, nc: nc, cancel: cancel, done: make(chan error, 1)}
	go func() { w.done <- s.Run(ctx) }()
	t.Cleanup(func() { w.stop(t) })
	return w
}

// stop ends the worker gracefully.
func (w *worker) stop(t testing.TB) {
	t.Helper()
	w.cancel()
	select {
	case err := <-w.done:
		w.done <- err
		if err != nil {
			t.Errorf("worker: %v", err)
		}
	case <-time.After(max(20*time.Second, w.cfg.StopWait+10*time.Second)):
		t.Error("worker does not stop")
	}
	w.nc.Close()
}

// kill cuts the worker off in the middle of whatever it does: nothing it may still try reaches the broker.
func (w *worker) kill() {
	w.nc.Close()
	w.cancel()
}

func (w *worker) ready(t testing.TB) {
	t.Helper()
	natstest.Eventually(t, "worker ready", func() bool { return w.Ready() == nil })
}

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

func publishAll(t testing.TB, pub *natsjs.Publisher, evs []*riskdv1.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for start := 0; start < len(evs); start += 500 {
		for i, r := range pub.PublishBatch(ctx, evs[start:min(start+500, len(evs))]) {
			if r.Err != nil {
				t.Fatalf("event %d: %v", start+i, r.Err)
			}
		}
	}
}

func newPublisher(t testing.TB, nc *nats.Conn, partitions int) *natsjs.Publisher {
	t.Helper()
	pub, err := natsjs.NewPublisher(nc, partitions, natsjs.PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return pub
}
