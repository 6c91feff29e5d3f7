package scorer

import (
	"context"
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
