package sdk

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What [Client.Report] returns when it did not take an event.
var (
	// ErrQueueFull means that riskd is not taking events as fast as they come, or not at all. The event
	// is dropped and counted.
	ErrQueueFull = errors.New("event queue is full")
	// ErrClosed means that the client was closed.
	ErrClosed = errors.New("client is closed")
)

const (
	// reportBatch is how many events are in flight together, one of each user. One batch is acknowledged before the
	// next is sent: that keeps a user's events in order, and the retry simple.
	reportBatch = 256
	retryFirst  = 50 * time.Millisecond
	retryMost   = 5 * time.Second
)

// transport sends events and waits for the answers.
type transport interface {
	// send writes each event's fate. What it leaves unsent is sent again after the backoff, or after
	// wait when that is longer. err says why, for the log.
	send(ctx context.Context, batch []*riskdv1.Event, fates []Fate) (wait time.Duration, err error)
}

// brokerTransport sends to a [Broker].
type brokerTransport struct{ b Broker }

func (t brokerTransport) send(ctx context.Context, batch []*riskdv1.Event, fates []Fate) (time.Duration, error) {
	return 0, t.b.Send(ctx, batch, fates)
}

// reporter keeps each event until it is acknowledged.
type reporter struct {
	to    transport
	log   *slog.Logger
	count *counters
	queue chan *riskdv1.Event

	mu     sync.RWMutex // closing against adding
	closed bool
	done   chan struct{}

	settled     sync.Mutex
	outstanding int           // taken and neither acknowledged nor given up
	idle        chan struct{} // closed when outstanding falls to 0
}

func newReporter(to transport, size int, log *slog.Logger, count *counters) *reporter {
	return &reporter{to: to, log: log, count: count, queue: make(chan *riskdv1.Event, size), done: make(chan struct{})}
}

// add takes an event or says at once why not.
func (r *reporter) add(ev *riskdv1.Event) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return ErrClosed
	}
	r.count.reported.Add(1)
	r.settle(1)
	select {
	case r.queue <- ev:
		return nil
	default:
		r.settle(-1)
		r.count.dropped.Add(1)
		return ErrQueueFull
	}
}

// settle counts events in and out, and wakes those who wait for none to be left.
func (r *reporter) settle(n int) {
	r.settled.Lock()
	defer r.settled.Unlock()
	r.outstanding += n
	if r.outstanding == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

func (r *reporter) queued() int {
	r.settled.Lock()
	defer r.settled.Unlock()
	return r.outstanding
}

// flush waits until nothing is outstanding.
func (r *reporter) flush(ctx context.Context) error {
	r.settled.Lock()
	if r.outstanding == 0 {
		r.settled.Unlock()
		return nil
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.settled.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close takes no more events; run ends once the queue is empty or its context is.
func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
}

// run sends until the queue is closed and empty, or ctx ends; then what is left is dropped and counted.
func (r *reporter) run(ctx context.Context) {
	defer close(r.done)
	batch := make([]*riskdv1.Event, 0, reportBatch)
	for ev := range r.queue {
		batch = append(batch[:0], ev)
	fill:
		for len(batch) < reportBatch {
			select {
			case ev, ok := <-r.queue:
				if !ok {
					break fill
				}
				batch = append(batch, ev)
			default:
				break fill
			}
		}
		r.deliver(ctx, batch)
		clear(batch)
	}
}

// deliver sends a batch until every event has met its fate.
func (r *reporter) deliver(ctx context.Context, batch []*riskdv1.Event) {
	fates := make([]Fate, len(batch))
	pause := retryFirst
	for attempt := 0; ; attempt++ {
		clear(fates[:len(batch)])
		var wait time.Duration
		var err error
		if err = ctx.Err(); err == nil {
			if attempt > 0 {
				r.count.retries.Add(1)
			}
			wait, err = r.to.send(ctx, batch, fates[:len(batch)])
		}
		left := batch[:0]
		for i, ev := range batch {
			switch fates[i] {
			case Unsent:
				left = append(left, ev)
				continue
			case Duplicate:
				r.count.duplicates.Add(1)
				r.count.acknowledged.Add(1)
			case Accepted:
				r.count.acknowledged.Add(1)
			case Refused:
				r.count.refused.Add(1)
			}
			r.settle(-1)
		}
		if err != nil && (attempt == 0 || attempt%20 == 0) {
			r.log.Warn("riskd events not delivered", "unsent", len(left), "attempt", attempt+1, "error", err)
		}
		if len(left) < len(batch) {
			pause = retryFirst // some progress
		}
		if batch = left; len(batch) == 0 {
			return
		}
		if ctx.Err() != nil {
			r.count.dropped.Add(uint64(len(batch)))
			r.settle(-len(batch))
			return
		}
		// Full jitter on the upper half: clients that lost the same server do not return in step.
		sleep(ctx, max(wait, pause/2+rand.N(pause/2)))
		pause = min(2*pause, retryMost)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
