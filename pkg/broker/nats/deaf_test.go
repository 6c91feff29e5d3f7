package natsjs_test

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

const (
	deafPartitions = 6
	deafTTL        = 1200 * time.Millisecond
)

// sharer is a worker that holds what it is given, and how often that changed.
type sharer struct {
	broker.Workers
	link *servicetest.Link
	stop func()

	mu    sync.Mutex
	mine  []int
	turns int
}

func (s *sharer) look() (mine []int, turns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mine, s.turns
}

// share joins a worker that reaches the server over a link of its own.
func share(t *testing.T, b *natstest.Broker, id string) *sharer {
	t.Helper()
	u, err := url.Parse(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	at := servicetest.FreeAddress(t)
	s := &sharer{link: servicetest.NewLink(t, at, u.Host)}
	nc, err := natsjs.Connect("nats://"+at, id)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if s.Workers, err = natsjs.NewWorkers(js, broker.WorkersConfig{ID: id, Partitions: deafPartitions, TTL: deafTTL, HandoverWait: time.Second,
		Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = s.Run(ctx) })
	all.Go(func() {
		for ctx.Err() == nil {
			if mine, _, ok := s.Mine(); ok {
				s.mu.Lock()
				same := slices.Equal(s.mine, mine)
				if !same {
					s.mine = mine
					s.turns++
				}
				s.mu.Unlock()
				if !same {
					s.Hold(mine)
				}
			}
			select {
			case <-ctx.Done():
			case <-s.Changed():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	s.stop = sync.OnceFunc(func() { cancel(); nc.Close(); all.Wait() })
	t.Cleanup(s.stop)
	return s
}

func (s *sharer) has(t *testing.T, n int, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		mine, _ := s.look()
		if len(mine) == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("has %v after %s, want %d partitions", mine, within, n)
		}
	}
}

// A worker whose requests arrive and that hears nothing does not go on to look alive to the others, and does not give partitions to itself, whether it had
// assigned them before or not: the other one has all of them soon, and keeps them.
func TestAWorkerThatHearsNothingIsGoneToTheOthers(t *testing.T) {
	for _, whose := range []string{"the leader", "the other"} {
		t.Run(whose, func(t *testing.T) {
			t.Parallel()
			b := natstest.Start(t, deafPartitions)
			first := share(t, b, "first")
			first.has(t, deafPartitions, 20*time.Second)
			second := share(t, b, "second")
			second.has(t, deafPartitions/2, 20*time.Second)
			first.has(t, deafPartitions/2, 20*time.Second)
			deaf, well := first, second
			if whose == "the other" {
				deaf, well = second, first
			}
			deaf.link.Cut(servicetest.Back)
			well.has(t, deafPartitions, 3*deafTTL)
			_, before := well.look()
			time.Sleep(3 * deafTTL)
			if mine, turns := well.look(); turns > before || len(mine) != deafPartitions {
				t.Fatalf("has %v after %d changes, want all and none", mine, turns-before)
			}
			deaf.link.Break()
			deaf.link.Mend()
			deaf.has(t, deafPartitions/2, 20*time.Second)
			well.has(t, deafPartitions/2, 20*time.Second)
		})
	}
}

// A worker that is so far away that an answer takes longer than it waits for one, and less than its lease, keeps it: it hears its own renewals.
func TestAWorkerThatIsFarAwayKeepsItsLease(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t, deafPartitions)
	near := share(t, b, "near")
	near.has(t, deafPartitions, 20*time.Second)
	far := share(t, b, "far")
	far.has(t, deafPartitions/2, 20*time.Second)
	near.has(t, deafPartitions/2, 20*time.Second)
	far.link.Slow(deafTTL / 4)
	_, before := near.look()
	time.Sleep(5 * deafTTL)
	if mine, turns := near.look(); turns > before {
		t.Fatalf("the other has %v after %d changes, want none", mine, turns-before)
	}
}

// A broker that was away for longer than a lease says nothing of any worker: each keeps what it has.
func TestWorkersKeepWhatTheyHaveWhenTheBrokerWasAway(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t, deafPartitions)
	all := []*sharer{share(t, b, "first")}
	all[0].has(t, deafPartitions, 20*time.Second)
	for _, id := range []string{"second", "third"} {
		all = append(all, share(t, b, id))
		for _, s := range all {
			s.has(t, deafPartitions/len(all), 20*time.Second)
		}
	}
	var before []int
	for _, s := range all {
		_, turns := s.look()
		before = append(before, turns)
		s.link.Cut()
	}
	time.Sleep(3 * deafTTL)
	for _, s := range all {
		s.link.Break()
		s.link.Mend()
	}
	time.Sleep(3 * deafTTL)
	for i, s := range all {
		if mine, turns := s.look(); turns > before[i] {
			t.Errorf("worker %d has %v after %d changes, want none", i, mine, turns-before[i])
		}
	}
	all[0].stop() // and one that is gone is missed
	all[1].has(t, deafPartitions/2, 5*deafTTL)
	all[2].has(t, deafPartitions/2, 5*deafTTL)
}
