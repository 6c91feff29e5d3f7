package scorer

import (
	"context"
	"errors"
	"slices"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
)

const (
	// coordinate is how often ownership is looked at without a reason.
	coordinate = 500 * time.Millisecond
	// maxHeartbeat is well below the life of an entry in the bucket (natsjs.Topology.LeaseTTL, 3 s by default),
	// however long a silent worker is trusted.
	maxHeartbeat = 750 * time.Millisecond
	// fencedPause keeps two workers of different views from taking a partition from each other in a loop.
	fencedPause = 500 * time.Millisecond
	// failedPause is between attempts to read a state that could not be read.
	failedPause = 15 * time.Second
)

// ownership is a partition's goroutine as the coordinator sees it.
type ownership struct {
	p    *partition
	stop context.CancelFunc
	done chan struct{}
}

// coordinate keeps what this worker owns in line with the assignment until ctx ends.
func (s *Service) coordinate(ctx context.Context) {
	tick := time.NewTicker(coordinate)
	defer tick.Stop()
	var renewed time.Time
	for {
		v := s.members.View()
		if v.Leader() == s.cfg.Worker {
			renewed = s.lead(ctx, v, renewed)
			v = s.members.View()
		}
		s.follow(ctx, v)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.members.Changed():
		}
	}
}

// lead publishes the assignment when it changes, and renews it before its entry ends.
func (s *Service) lead(ctx context.Context, v natsjs.View, renewed time.Time) time.Time {
	ids := make([]string, 0, len(v.Members))
	prev := v.Owners
	for _, m := range v.Members {
		ids = append(ids, m.ID)
	}
	if prev == nil { // a new leader: who holds what already
		prev = make([]string, s.partitions)
		for _, m := range v.Members {
			for _, p := range m.Holding {
				if p >= 0 && p < len(prev) {
					prev[p] = m.ID
				}
			}
		}
	}
	next := assign(prev, ids, s.partitions)
	if slices.Equal(next, v.Owners) && time.Since(renewed) < maxHeartbeat {
		return renewed
	}
	attempt, cancel := context.WithTimeout(ctx, s.cfg.LeaseTTL/3)
	defer cancel()
	if err := s.members.Assign(attempt, next); err != nil {
		if ctx.Err() == nil {
			s.deps.Log.Warn("assignment was not published", "error", err)
		}
		return renewed
	}
	return time.Now()
}

// follow starts and stops partitions as the assignment says.
func (s *Service) follow(ctx context.Context, v natsjs.View) {
	if v.Owners == nil || ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for n := range s.partitions {
		mine := n < len(v.Owners) && v.Owners[n] == s.cfg.Worker
		o := s.owned[n]
		if !mine {
			delete(s.waiting, n)
		}
		switch {
		case o != nil && !mine:
			o.stop() // its goroutine takes itself off the list
		case o == nil && mine:
			if s.heldElsewhere(v, n) {
				continue
			}
			delete(s.waiting, n)
			s.start(ctx, n)
			changed = true
		}
	}
	s.settled = true
	if changed {
		s.publishHolding()
	}
}

// heldElsewhere tells whether a living worker still has the partition and may yet let it go by itself.
func (s *Service) heldElsewhere(v natsjs.View, n int) bool {
	for _, m := range v.Members {
		if m.ID != s.cfg.Worker && slices.Contains(m.Holding, n) {
			since, ok := s.waiting[n]
			if !ok {
				s.waiting[n] = time.Now()
				return true
			}
			return time.Since(since) < s.cfg.HandoverWait
		}
	}
	return false
}

// start runs a partition; s.mu is held.
func (s *Service) start(ctx context.Context, n int) {
	stop, cancel := context.WithCancel(ctx)
	parts, _ := newParts(s.deps.Sections(n)) // New has checked them
	o := &ownership{p: &partition{s: s, n: n, st: newStore(), parts: parts}, stop: cancel, done: make(chan struct{})}
	s.owned[n] = o
	go func() {
		defer close(o.done)
		defer cancel()
		err := o.p.run(stop)
		switch {
		case err == nil:
			s.fail(n, nil)
		case errors.Is(err, errFenced):
			s.deps.Log.Info("partition was taken by another worker", "partition", n)
			pauseFor(stop, fencedPause)
		default:
			s.fail(n, err)
			s.deps.Log.Error("partition stands still", "partition", n, "error", err)
			pauseFor(stop, failedPause)
		}
		s.mu.Lock()
		delete(s.owned, n)
		s.publishHolding()
		s.mu.Unlock()
		s.members.Poke()
	}()
}

func (s *Service) fail(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.failures, n)
	} else {
		s.failures[n] = err
	}
}

// publishHolding tells the others; s.mu is held.
func (s *Service) publishHolding() {
	held := make([]int, 0, len(s.owned))
	for n := range s.owned {
		held = append(held, n)
	}
	slices.Sort(held)
	s.members.SetHolding(held)
}

// stopAll lets every partition finish and waits.
func (s *Service) stopAll() {
	s.mu.Lock()
	var all []*ownership
	for _, o := range s.owned {
		o.stop()
		all = append(all, o)
	}
	s.mu.Unlock()
	for _, o := range all {
		<-o.done
	}
}
