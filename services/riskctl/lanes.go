package main

import (
	"context"
	"fmt"
	"io"
	"sync"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// laneCount is how many batches are under way at the same time, laneBatch bounds one of them, laneQueue what waits for a lane.
	laneCount = 16
	laneBatch = 256
	laneQueue = 512
)

// sent counts what became of the events. Safe for concurrent use until the lanes have finished.
type sent struct {
	mu                                   sync.Mutex
	accepted, duplicate, invalid, failed int
	firstFailed                          int // line, 0: none
}

// lanes send events with many batches under way. All events of a user go through one lane, which has one batch under way at a
// time: that keeps their order.
type lanes struct {
	queues [laneCount]chan decoded
	wg     sync.WaitGroup
}

func (s *sending) startLanes(ctx context.Context, to target) *lanes {
	l := &lanes{}
	for i := range l.queues {
		l.queues[i] = make(chan decoded, laneQueue)
		l.wg.Go(func() { s.lane(ctx, to, l.queues[i]) })
	}
	return l
}

// hand gives a line's event to its user's lane, and waits while that is full.
func (l *lanes) hand(d decoded) {
	l.queues[subject.Partition(d.ev.TenantId, d.ev.User.GetId(), laneCount)] <- d
}

// finish waits until everything handed over has its outcome.
func (l *lanes) finish() {
	for _, q := range l.queues {
		close(q)
	}
	l.wg.Wait()
}

func (s *sending) lane(ctx context.Context, to target, queue <-chan decoded) {
	evs, numbers := make([]*riskdv1.Event, 0, laneBatch), make([]int, 0, laneBatch)
	for d := range queue {
		evs, numbers = append(evs[:0], d.ev), append(numbers[:0], d.number)
		for open := true; open && len(evs) < laneBatch; {
			select {
			case d, open = <-queue:
				if open {
					evs, numbers = append(evs, d.ev), append(numbers, d.number)
				}
			default:
				open = false
			}
		}
		s.count(to.put(ctx, evs), numbers)
	}
}

func (s *sending) count(results []outcome, numbers []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range results {
		switch {
		case r.err != nil:
			if s.failed++; s.firstFailed == 0 {
				fmt.Fprintf(s.err, "riskctl send: line %d: %v\n", numbers[i], r.err)
			}
			if s.firstFailed == 0 || numbers[i] < s.firstFailed {
				s.firstFailed = numbers[i]
			}
		case r.invalid != "":
			s.refuse(s.err, numbers[i], "refused: "+r.invalid)
		case r.duplicate:
			s.duplicate++
		default:
			s.accepted++
		}
	}
}

// refused counts a line that is no event.
func (s *sending) refused(number int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse(s.err, number, why)
}

func (s *sent) refuse(out io.Writer, number int, why string) {
	s.invalid++
	fmt.Fprintf(out, "riskctl send: line %d: %s\n", number, why)
}
