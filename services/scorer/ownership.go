package scorer

import (
	"context"
	"errors"
	"log/slog"
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
	// unansweredPause is before a partition is tried again whose broker did not answer meanwhile, doubled up to unansweredMost: each attempt is
	// a fence in its journal.
	unansweredPause = 250 * time.Millisecond
	unansweredMost  = 4 * time.Second
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

// failure is why a partition does not work here, and how often that came in a row.
type failure struct {
	err   error
	times int
}

// pause is how long to wait before the next attempt.
func (f failure) pause() time.Duration {
	if errors.Is(f.err, ErrState) {
		return failedPause
	}
	return min(unansweredPause<<min(f.times-1, 8), unansweredMost)
}

// String says what becomes of it: what cannot be read needs somebody, what is not answered needs time.
func (f failure) String() string {
	if errors.Is(f.err, ErrState) {
		return "stands still"
	}
	return "could not be worked on and is tried again"
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
	for n := range s.failures { // another worker's concern now
		if !slices.Contains(mine, n) {
			delete(s.failures, n)
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
		case errors.Is(err, errFenced):
			s.deps.Log.Info("partition was taken by another worker", "partition", n)
			pauseFor(stop, fencedPause)
		default:
			f := s.fail(n, err)
			level := slog.LevelWarn
			if errors.Is(err, ErrState) {
				level = slog.LevelError
			}
			s.deps.Log.Log(stop, level, "partition "+f.String(), "partition", n, "error", err)
			pauseFor(stop, f.pause())
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

// fail keeps why a partition does not work, until it does or is another worker's.
func (s *Service) fail(n int, err error) failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := failure{err, s.failures[n].times + 1}
	s.failures[n] = f
	return f
}

// works forgets why a partition did not work.
func (s *Service) works(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failures, n)
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
