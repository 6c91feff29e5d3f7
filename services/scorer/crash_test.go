package scorer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestWorkersCutOffAtAnyMomentLoseAndDoubleNothing(t *testing.T) {
	const partitions = 4
	b := natstest.Start(t, partitions)
	world := newWorld(7, 60)
	world.crowded = true
	evs := world.take(12000)
	pub := newPublisher(t, b.Conn, partitions)
	rng := rand.New(rand.NewPCG(7, 7))
	cfg := quickConfig()
	cfg.BatchEvents = 50 // many records, many moments to be cut off in
	cfg.Worker = "same"  // each start takes the dead one's lease for its own and need not wait for its end
	kills := 0
	stopKilling := make(chan struct{})
	killed := make(chan struct{})
	var last *worker
	go func() { // there is always one worker; every so often it is cut off and another one starts
		defer close(killed)
		w := startWorker(t, b.URL(), cfg)
		for {
			select {
			case <-stopKilling:
				last = w
				return
			case <-time.After(time.Duration(20+rng.IntN(300)) * time.Millisecond):
				if len(w.Owned()) == 0 {
					continue
				}
				w.kill()
				kills++
				w = startWorker(t, b.URL(), cfg)
			}
		}
	}()
	for start := 0; start < len(evs); start += 500 {
		publishAll(t, pub, evs[start:start+500])
		time.Sleep(120 * time.Millisecond)
	}
	close(stopKilling)
	<-killed
	last.ready(t)
	waitDrained(t, b.JS, partitions)
	l := checkAgainst(t, b.JS, partitions, foldAsJournaled(t, evs, readLedger(t, b.JS, partitions).looked))
	if kills < 4 || l.fences < kills {
		t.Errorf("%d kills and %d fences: nothing was tested", kills, l.fences)
	}
	checkSignals(t, b.JS, l)
}

func TestWorkersShareThePartitionsAndHandThemOver(t *testing.T) {
	const partitions = 8
	b := natstest.Start(t, partitions)
	pub := newPublisher(t, b.Conn, partitions)
	world := newWorld(11, 80)
	var evs []*riskdv1.Event
	cfg := quickConfig()
	cfg.LeaseTTL = 6500 * time.Millisecond // more than a hand-over takes on a machine that does much else, and less than Eventually waits
	send := func(n int) {
		t.Helper()
		more := world.take(n)
		evs = append(evs, more...)
		publishAll(t, pub, more)
	}
	owns := func(w *worker, n int) func() bool {
		return func() bool { return w.Ready() == nil && len(w.Owned()) == n }
	}
	w1 := startWorker(t, b.URL(), cfg)
	natstest.Eventually(t, "the first has all", owns(w1, 8))
	send(1000)
	w2 := startWorker(t, b.URL(), cfg)
	natstest.Eventually(t, "the second has half", owns(w2, 4))
	natstest.Eventually(t, "the first kept half", owns(w1, 4))
	send(1000)
	w3 := startWorker(t, b.URL(), cfg)
	natstest.Eventually(t, "the third has its share", owns(w3, 2))
	send(1000)

	began := time.Now()
	w1.stop(t)
	natstest.Eventually(t, "the others have all", func() bool { return len(w2.Owned())+len(w3.Owned()) == 8 })
	if d := time.Since(began); d > cfg.LeaseTTL-time.Second {
		t.Errorf("a graceful hand-over took %s; a lease is %s", d, cfg.LeaseTTL)
	}
	send(1000)

	began = time.Now()
	w2.kill()
	natstest.Eventually(t, "the last has all", owns(w3, 8))
	if d := time.Since(began); d > cfg.LeaseTTL+3*time.Second {
		t.Errorf("taking over from a dead worker took %s", d)
	}
	send(1000)
	waitDrained(t, b.JS, partitions)
	l := checkAgainst(t, b.JS, partitions, foldSerially(t, evs))
	checkSignals(t, b.JS, l)
}

func TestStateThatCannotBeReadStopsThePartitionOnly(t *testing.T) {
	b := natstest.Start(t, 2)
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	evs := newWorld(5, 20).take(400)
	publishAll(t, newPublisher(t, b.Conn, 2), evs)
	waitDrained(t, b.JS, 2)
	w.stop(t)
	// A page is damaged.
	st := rebuild(t, b.JS, 0)
	n := slices.IndexFunc(st.pages[:], func(p page) bool { return p.users > 0 })
	if _, err := natsjs.StoreIf(t.Context(), b.JS, subject.Page(0, n), st.pages[n].rev, []byte("damaged page")); err != nil {
		t.Fatal(err)
	}
	w = startWorker(t, b.URL(), quickConfig())
	natstest.Eventually(t, "partition 1 works, partition 0 stands still with a reason", func() bool {
		err := w.Ready()
		return slices.Equal(w.Owned(), []int{1}) && errors.Is(err, ErrState) && errors.Is(err, errPage)
	})
}

func TestATrimmedJournalIsEnoughToGoOn(t *testing.T) {
	const partitions = 2
	b := natstest.Start(t, partitions)
	cfg := quickConfig()
	cfg.JournalKeep, cfg.CheckpointEvery = 100*time.Millisecond, 50*time.Millisecond
	pub := newPublisher(t, b.Conn, partitions)
	world := newWorld(41, 50)
	var evs []*riskdv1.Event
	first := func(stream string) uint64 {
		s, err := b.JS.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.FirstSeq
	}
	w := startWorker(t, b.URL(), cfg)
	w.ready(t)
	natstest.Eventually(t, "old records and input are gone", func() bool {
		more := world.take(100)
		evs = append(evs, more...)
		publishAll(t, pub, more)
		time.Sleep(50 * time.Millisecond)
		for p := range partitions {
			if first(subject.JournalStream(p)) < 2 || first(subject.EventsStream(p)) < 2 {
				return false
			}
		}
		return true
	})
	w.kill()
	cfg.Worker = "next"
	w = startWorker(t, b.URL(), cfg)
	w.ready(t)
	more := world.take(500)
	evs = append(evs, more...)
	publishAll(t, pub, more)
	waitDrained(t, b.JS, partitions)
	w.stop(t)
	ref := foldSerially(t, evs)
	for p := range partitions {
		st := rebuild(t, b.JS, p)
		for n := range st.pages {
			walk(st.pages[n].buf, func(e entry) {
				if want := ref.profiles[string(e.key)]; want == nil || string(want.AppendBinary(nil)) != string(e.profile) {
					t.Errorf("the profile of %q differs", e.key)
				}
			})
		}
	}
	// Without its pages a trimmed journal is not taken for a whole one.
	s, err := b.JS.Stream(t.Context(), subject.PagesStream(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Worker = "last"
	w = startWorker(t, b.URL(), cfg)
	natstest.Eventually(t, "the partition stands still instead of starting empty", func() bool {
		return errors.Is(w.Ready(), ErrState) && slices.Equal(w.Owned(), []int{1})
	})
}
