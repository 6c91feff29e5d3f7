package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// spread is how events are spread over batches that are under way at the same time.
type spread struct {
	// lanes is how many batches are under way, users and events bound one of them.
	lanes, users, events int
}

var (
	// byRequest suits a target to which a batch is one request.
	byRequest = spread{lanes: 16, users: 256, events: 256}
	// byMessage suits a broker that acknowledges each event by itself: a user's next event waits for that of the one before, so that only
	// other users' events can fill the time. The more are under way, the longer each takes on a busy broker; those of a batch, one after
	// the other, have to be stored within putWait.
	byMessage = spread{lanes: 512, users: 1, events: 8}
)

// maxHeld is how many events are read ahead. In the order of time, a user's events come in bursts: the further ahead, the more users
// have one to send.
const maxHeld = 64 << 10

// sent counts what became of the events. Safe for concurrent use until the lanes have finished.
type sent struct {
	mu                                   sync.Mutex
	accepted, duplicate, invalid, failed int
	firstFailed                          int // line, 0: none
}

// lanes send events with many batches under way. A user is in one batch at a time: that keeps the order of his events.
type lanes struct {
	in spread
	wg sync.WaitGroup

	mu    sync.Mutex
	ready sync.Cond // some user waits, or everything is handed over
	room  sync.Cond // fewer than maxHeld are held
	users map[userOf]*backlog
	// waiting are the users who have events and are in no batch, the longest waiting first.
	waiting []*backlog
	held    int
	over    bool
}

type userOf struct{ tenant, user string }

// backlog is what one user has to send.
type backlog struct {
	key    userOf
	events []decoded
}

func (s *sending) startLanes(ctx context.Context, to target) *lanes {
	l := &lanes{in: to.spread(), users: map[userOf]*backlog{}}
	l.ready.L, l.room.L = &l.mu, &l.mu
	for range l.in.lanes {
		l.wg.Go(func() { s.lane(ctx, to, l) })
	}
	return l
}

// hand gives an event to its user's lane, and waits while too many are held.
func (l *lanes) hand(d decoded) {
	key := userOf{d.ev.TenantId, d.ev.User.GetId()}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held >= maxHeld {
		l.room.Wait()
	}
	l.held++
	b := l.users[key]
	if b == nil {
		b = &backlog{key: key}
		l.users[key] = b
		l.waiting = append(l.waiting, b)
		l.ready.Signal()
	}
	b.events = append(b.events, d)
}

// finish waits until everything handed over has its outcome.
func (l *lanes) finish() {
	l.mu.Lock()
	l.over = true
	l.ready.Broadcast()
	l.mu.Unlock()
	l.wg.Wait()
}

// lane sends batch after batch.
func (s *sending) lane(ctx context.Context, to target, l *lanes) {
	var users []*backlog
	var evs []*riskdv1.Event
	var numbers []int
	for {
		users, evs, numbers = l.take(users[:0], evs[:0], numbers[:0])
		if len(evs) == 0 {
			return
		}
		s.count(to.put(ctx, evs), numbers)
		l.put(users, len(evs))
	}
}

// take waits for users who have something to send, and appends them and that; nothing is left at the end.
func (l *lanes) take(users []*backlog, evs []*riskdv1.Event, numbers []int) ([]*backlog, []*riskdv1.Event, []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.over {
		l.ready.Wait()
	}
	for len(l.waiting) > 0 && len(users) < l.in.users && len(evs) < l.in.events {
		b := l.waiting[0]
		l.waiting[0], l.waiting = nil, l.waiting[1:]
		n := min(len(b.events), l.in.events-len(evs))
		for _, d := range b.events[:n] {
			evs, numbers = append(evs, d.ev), append(numbers, d.number)
		}
		b.events = slices.Delete(b.events, 0, n)
		users = append(users, b)
	}
	return users, evs, numbers
}

// put gives users back whose batch of n events is done: those with more to send wait again.
func (l *lanes) put(users []*backlog, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range users {
		if len(b.events) == 0 {
			delete(l.users, b.key)
			continue
		}
		l.waiting = append(l.waiting, b)
		l.ready.Signal()
	}
	l.held -= n
	l.room.Signal()
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
