package sink

import (
	"context"
	"fmt"
	"time"
)

// Lag is how far ClickHouse is behind the ledger.
type Lag struct {
	// Records of the journal that are not persisted yet.
	Records uint64
	// Oldest is about how long the oldest of them has been waiting; 0 when there is none.
	Oldest time.Duration
	// Broken is how many partitions stand still because their journal does not continue what is persisted.
	Broken int
}

// Lag is the lag as last measured.
func (s *Service) Lag() Lag { return s.lagAt(time.Now()) }

func (s *Service) lagAt(now time.Time) Lag {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := Lag{Broken: len(s.broken)}
	for p, head := range s.heads {
		at := s.at[p]
		if head.seq <= at.seq {
			continue
		}
		l.Records += head.seq - at.seq
		// The oldest waiting record was written after the last persisted one, and was not seen before the
		// partition fell behind.
		since := s.behind[p]
		if at.written.After(since) {
			since = at.written
		}
		if d := now.Sub(since); d > l.Oldest {
			l.Oldest = d
		}
	}
	return l
}

// Drained waits until everything that was in the ledger when it was called is persisted. It fails when
// a partition stands still, or with ctx.
func (s *Service) Drained(ctx context.Context) error {
	targets := map[int]uint64{}
	for p := range s.cfg.Partitions {
		head, ok, err := s.journal.Last(ctx, p)
		if err != nil {
			return fmt.Errorf("waiting for the sink: %w", err)
		}
		if ok {
			targets[p] = head.Seq
		}
	}
	for {
		left, err := s.missing(targets)
		if err != nil || left == 0 {
			return err
		}
		if !sleep(ctx, 20*time.Millisecond) {
			reason := s.Ready()
			return fmt.Errorf("waiting for the sink: %w; %d journal records are not persisted (sink: %v)", ctx.Err(), left, reason)
		}
	}
}

func (s *Service) missing(targets map[int]uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left uint64
	for p, want := range targets {
		if have := s.at[p].seq; have < want {
			if err := s.broken[p]; err != nil {
				return 0, fmt.Errorf("waiting for the sink: partition %d stands still: %w", p, err)
			}
			left += want - have
		}
	}
	return left, nil
}

// watchLag measures the lag until ctx ends.
func (s *Service) watchLag(ctx context.Context) {
	for {
		for p := range s.cfg.Partitions {
			one, cancel := context.WithTimeout(ctx, s.cfg.LagEvery)
			head, ok, err := s.journal.Last(one, p)
			cancel()
			if err != nil || !ok {
				continue // the broker's own health is reported elsewhere; the last value stands
			}
			s.setHead(p, positionOf(&head))
		}
		l := s.Lag()
		s.m.lagRecords.Set(float64(l.Records))
		s.m.lagSeconds.Set(l.Oldest.Seconds())
		if !sleep(ctx, s.cfg.LagEvery) {
			return
		}
	}
}

func (s *Service) setHead(p int, head position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heads[p] = head
	s.markBehind(p)
}

func (s *Service) setPositions(at map[int]position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, pos := range at {
		s.at[p] = pos
		s.markBehind(p)
	}
}

// markBehind keeps since when a partition has been behind.
func (s *Service) markBehind(p int) {
	if s.heads[p].seq <= s.at[p].seq {
		delete(s.behind, p)
	} else if s.behind[p].IsZero() {
		s.behind[p] = s.heads[p].written
	}
}
