package scorer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// road is a broker that a metamorphic run goes over.
type road interface {
	Broker
	broker.Logs
	Publisher() broker.Publisher
}

// pace is between two batches of events, so that kills meet work.
const pace = 20 * time.Millisecond

// killable is a scorer whose broker can be cut off under it.
type killable struct {
	*Service
	cut    func()
	cancel context.CancelFunc
	done   chan struct{}
}

func (k *killable) kill() {
	k.cut()
	k.cancel()
	<-k.done
}

// decisionsOver sends evs over a road while workers are killed, and returns what was decided about each event. Chains, input positions and
// totals are checked on the way. fault, when set, is what happens beside each kill.
func decisionsOver(t *testing.T, partitions, kills int, evs []*riskdv1.Event, open func() (road, func()), fault func(n int)) map[string]string {
	t.Helper()
	b, _ := open()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Second)
	defer cancel()
	if _, err := b.Open(ctx); err != nil {
		t.Fatal(err)
	}
	work := func() *killable {
		r, cut := open()
		cfg := quickConfig()
		cfg.BatchEvents = 64
		en := newEnricher(t)
		s, err := New(cfg, Deps{Broker: r, Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en), Log: testLog(), Registry: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		run, stop := context.WithCancel(context.Background())
		k := &killable{Service: s, cut: cut, cancel: stop, done: make(chan struct{})}
		go func() { defer close(k.done); _ = s.Run(run) }()
		return k
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for at := 0; at < len(evs); at += 100 {
			for i, r := range b.Publisher().PublishBatch(ctx, evs[at:min(at+100, len(evs))]) {
				if r.Err != nil {
					t.Errorf("event %d: %v", at+i, r.Err)
				}
			}
			time.Sleep(pace)
		}
	})
	w := work()
	for n := range kills {
		time.Sleep(1500 * time.Millisecond)
		if fault != nil {
			fault(n)
		}
		next := work()
		w.kill()
		w = next
	}
	wg.Wait()
	got := decided(t, ctx, b, partitions)
	w.cancel()
	<-w.done
	w.cut()
	if got.doubled > 0 {
		t.Errorf("%d events were judged twice", got.doubled)
	}
	return got.decisions
}

// outcome is what the journal says of all events.
type outcome struct {
	decisions map[string]string // by event, as JSON
	doubled   int               // events that were judged again
	signals   map[string]bool   // challenge@revision
	longest   time.Duration     // that a partition stood still between two of its records
	where     string            // and which one, since when
}

// decided reads the journal until all input is dealt with. Chains, input positions and totals are checked on the way.
func decided(t *testing.T, ctx context.Context, b broker.Logs, partitions int) outcome {
	t.Helper()
	inputs := make([]uint64, partitions)
	for p := range partitions {
		for {
			end, err := b.Log(p).InputEnd(ctx)
			if inputs[p] = end; err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // nobody leads it for a moment
		}
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	out := outcome{decisions: make(map[string]string), signals: make(map[string]bool)}
	for p, end := range inputs {
		var chain journal.Chain
		var input uint64
		var written int64
		for at := uint64(0); input < end; {
			recs, err := r.Next(ctx, p, at, 256)
			if err != nil {
				t.Fatalf("partition %d after %d, at input %d of %d: %v", p, at, input, end, err)
			}
			for _, s := range recs {
				if err := chain.Next(s); err != nil {
					t.Fatal(err)
				}
				if d := time.Duration(s.Record.WrittenMs-written) * time.Millisecond; at > 0 && d > out.longest {
					out.longest, out.where = d, fmt.Sprintf("partition %d behind record %d, %s", p, at, time.UnixMilli(written).Format(time.TimeOnly))
				}
				at, input, written = s.Seq, s.Record.InputLast, s.Record.WrittenMs
				out.add(t, s.Record)
			}
		}
	}
	return out
}

func (o *outcome) add(t *testing.T, rec *riskdv1.JournalRecord) {
	for _, e := range rec.Entries {
		switch e.Status {
		case riskdv1.JournalEntry_STATUS_SCORED:
			if o.decisions[e.Decision.EventId] != "" {
				o.doubled++
			}
			e.Decision.Geo = ""
			o.decisions[e.Decision.EventId] = string(wire.AppendDecisionJSON(nil, e.Decision))
			for _, sig := range e.Decision.Signals {
				o.signals[signalName(sig)] = true
			}
		case riskdv1.JournalEntry_STATUS_DUPLICATE:
		default:
			t.Errorf("event of input %d: %s %s", e.Input, e.Status, e.Reason)
		}
	}
}

// signalName tells signals apart.
func signalName(sig *riskdv1.Signal) string {
	return fmt.Sprintf("%s@%d of %s", sig.ChallengeId, sig.Revision, sig.SessionId)
}

// storedSignals is how often each signal is in its topic.
func storedSignals(t *testing.T, ctx context.Context, b *kafka.Broker) map[string]int {
	t.Helper()
	end, err := b.LastSignal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.OpenSignals(1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make(map[string]int)
	for at := uint64(0); at < end; {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // what is last may be the end of a transaction, which no reader gets
		got, err := r.Take(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			at = s.Position
			if s.Signal == nil {
				t.Fatalf("what is at %d cannot be read", at)
			}
			out[signalName(s.Signal)]++
		}
	}
	return out
}

// overKafka makes a new installation; each road of it has clients of its own.
func overKafka(t *testing.T, addrs []string, partitions int) func() (road, func()) {
	cfg := kafkatest.Config(addrs, partitions)
	kafkatest.Install(t, cfg)
	return func() (road, func()) {
		b, err := kafka.New(cfg, "test", testLog())
		if err != nil {
			t.Fatal(err)
		}
		cut := sync.OnceFunc(b.Close)
		t.Cleanup(cut)
		return b, cut
	}
}

func overNATS(t *testing.T, partitions int) func() (road, func()) {
	b := natstest.Start(t, partitions)
	return func() (road, func()) {
		nc, js := b.Dial(t)
		return natsjs.NewBroker(js), nc.Close
	}
}

// same compares decisions with those of the serial run.
func same(t *testing.T, ref *serial, got map[string]string) {
	t.Helper()
	if len(got) != len(ref.decisions) {
		t.Errorf("got %d decisions, want %d", len(got), len(ref.decisions))
	}
	wrong := 0
	for id, want := range ref.decisions {
		want.Geo = ""
		if text := string(wire.AppendDecisionJSON(nil, want)); got[id] != text && wrong < 3 {
			wrong++
			t.Errorf("event %s:\n got %s\nwant %s", id, got[id], text)
		}
	}
}

// sameOnEveryRoad compares each road with the serial run.
func sameOnEveryRoad(t *testing.T, events, kills int, addrs func(testing.TB) []string) {
	evs := newWorld(11, 40).take(events)
	ref := foldSerially(t, evs)
	for _, partitions := range []int{1, 8} {
		for name, open := range map[string]func() (road, func()){"nats": overNATS(t, partitions), "kafka": overKafka(t, addrs(t), partitions)} {
			t.Run(fmt.Sprintf("%s, partitions %d", name, partitions), func(t *testing.T) {
				same(t, ref, decisionsOver(t, partitions, kills, evs, open, nil))
			})
		}
	}
}

func TestOneLogGivesTheSameDecisionsOverNATSAndKafka(t *testing.T) {
	sameOnEveryRoad(t, 6000, 2, kafkatest.Fake)
}
