package scorer

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// coordinate is how often ownership is looked at without a reason.
	coordinate = 500 * time.Millisecond
	// fencedPause keeps two workers of different views from taking a partition from each other in a loop.
	fencedPause = 500 * time.Millisecond
	// failedPause is between attempts to read a state that could not be read.
	failedPause = 15 * time.Second
	// slowTakeover is how long a takeover may take before the log says where it is, and then again and again.
	slowTakeover = 15 * time.Second
)

// ownership is a partition's goroutine as the coordinator sees it.
type ownership struct {
	p    *partition
	stop context.CancelFunc
	done chan struct{}
	told time.Time // when it began, or was last said to take long
}

// coordinate keeps what this worker owns in line with the assignment until ctx ends.
func (s *Service) coordinate(ctx context.Context) {
	tick := time.NewTicker(coordinate)
	defer tick.Stop()
	for {
		s.follow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.workers.Changed():
		}
	}
}

// follow starts and stops partitions as the assignment says.
func (s *Service) follow(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine, waiting, ok := s.workers.Mine()
	if !ok || ctx.Err() != nil {
		return
	}
	for n, o := range s.owned {
		if !slices.Contains(mine, n) {
			o.stop() // its goroutine takes itself off the list
		}
	}
	changed := false
	for _, n := range mine {
		if s.owned[n] == nil {
			s.start(ctx, n)
			changed = true
		}
		s.owned[n].slow(s, time.Now())
	}
	s.waiting, s.settled = waiting, true
	if changed {
		s.publishHolding()
	}
}

// start runs a partition; s.mu is held.
func (s *Service) start(ctx context.Context, n int) {
	// It outlives ctx until stopAll: whether a last checkpoint is due is decided before.
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	parts, _ := newParts(s.deps.Sections(n)) // New has checked them
	o := &ownership{p: &partition{s: s, n: n, log: s.deps.Broker.Log(n), st: newStore(), parts: parts, thresholds: findThresholds(parts)}, stop: cancel, done: make(chan struct{}), told: time.Now()}
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
	}()
}

// slow tells that a partition is still being taken over, and where that is.
func (o *ownership) slow(s *Service, now time.Time) {
	at := o.p.taking.Load()
	if at == nil || now.Sub(o.told) < slowTakeover {
		return
	}
	o.told = now
	s.deps.Log.Warn("partition is still being taken over", "partition", o.p.n, "waits_for", *at)
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
	s.workers.Hold(held)
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
