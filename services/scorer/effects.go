package scorer

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// effectQueue is how many records' effects may wait; the partition waits when it is full.
	effectQueue = 128
	// effectTogether is how many records' effects are published in one go.
	effectTogether = 64
	// effectParallel is how many sessions are published at once.
	effectParallel = 16
	// effectTimeout bounds one attempt to publish.
	effectTimeout = 3 * time.Second
)

// effect is what one committed record makes visible: signals, flags, dead letters.
type effect struct {
	seq     uint64
	signals []*riskdv1.Signal
	stored  []int64 // per signal: when the broker took the event, Unix nanoseconds; 0 when repeated
	dead    []*riskdv1.JournalEntry
}

func (e *effect) add(signals []*riskdv1.Signal, storedNS int64) {
	for _, s := range signals {
		e.signals = append(e.signals, s)
		e.stored = append(e.stored, storedNS)
	}
}

func (e *effect) empty() bool { return len(e.signals) == 0 && len(e.dead) == 0 }

// effects publishes what records caused, after they are stored, in order per session, until it is
// acknowledged. Records say how far that got, so that a new owner repeats the rest and nothing else.
type effects struct {
	s     *Service
	n     int // partition
	queue chan effect
	done  chan struct{}

	mu      sync.Mutex
	pending []uint64 // sequences in the queue or in hand, ascending
}

func newEffects(s *Service, partition int) *effects {
	return &effects{s: s, n: partition, queue: make(chan effect, effectQueue), done: make(chan struct{})}
}

// publishedThrough is the last sequence whose effects, and those of all before it, are out. last is the
// partition's last committed sequence.
func (f *effects) publishedThrough(last uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) > 0 {
		return f.pending[0] - 1
	}
	return last
}

// enqueue hands over the effects of a stored record. It waits while the queue is full; false when ctx ended first.
func (f *effects) enqueue(ctx context.Context, e effect) bool {
	if e.empty() {
		return true
	}
	if f.s.outlet == nil { // the record's own transaction has published them
		f.published(&e)
		return true
	}
	f.mu.Lock()
	f.pending = append(f.pending, e.seq)
	f.mu.Unlock()
	select {
	case f.queue <- e:
		return true
	default:
	}
	f.s.metrics.effectWaits.Inc()
	select {
	case f.queue <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// run publishes until the queue is closed and empty, or ctx ends.
func (f *effects) run(ctx context.Context) {
	defer close(f.done)
	for first := range f.queue {
		batch := []effect{first}
	more:
		for len(batch) < effectTogether {
			select {
			case e, ok := <-f.queue:
				if !ok {
					break more
				}
				batch = append(batch, e)
			default:
				break more
			}
		}
		if !f.publish(ctx, batch) {
			return
		}
		f.mu.Lock()
		f.pending = f.pending[len(batch):]
		f.mu.Unlock()
	}
}

// outgoing is one session's signals in order; the last one says what the flag has to be.
type outgoing struct {
	signals []*riskdv1.Signal
	pos     []broker.Position
	stored  int64
	// repeated tells that some of them may have been published by an earlier owner.
	repeated bool
}

// publish sends a run of effects; false when ctx ended before all was acknowledged.
func (f *effects) publish(ctx context.Context, batch []effect) bool {
	bySession := make(map[string]*outgoing)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(effectParallel)
	for _, e := range batch {
		for i, sig := range e.signals {
			key := subject.Key(sig.TenantId, sig.SessionId)
			o := bySession[key]
			if o == nil {
				o = &outgoing{stored: e.stored[i]}
				bySession[key] = o
			}
			o.repeated = o.repeated || e.stored[i] == 0
			o.signals = append(o.signals, sig)
			o.pos = append(o.pos, broker.Position{Partition: f.n, Seq: e.seq})
		}
	}
	for _, o := range bySession {
		g.Go(func() error { return f.publishSession(gctx, o) })
	}
	for _, e := range batch {
		for _, d := range e.dead {
			g.Go(func() error {
				return f.until(gctx, "publishing dead letter", func(ctx context.Context) error { return f.s.outlet.Dead(ctx, f.n, d) })
			})
		}
	}
	return g.Wait() == nil
}

// publishSession sets the flag first: it is what the apps' guards wait for.
func (f *effects) publishSession(ctx context.Context, o *outgoing) error {
	last := len(o.signals) - 1
	err := f.until(ctx, "writing flag", func(ctx context.Context) error {
		applied, err := f.s.outlet.Flag(ctx, o.signals[last], o.pos[last])
		if err == nil && applied && o.stored > 0 {
			f.s.metrics.eventToFlag.Observe(time.Since(time.Unix(0, o.stored)).Seconds())
		}
		return err
	})
	if err != nil {
		return err
	}
	// The broker drops repeated signals for a few minutes only. What an earlier owner, or an attempt without an answer, may
	// have stored is looked for.
	look, there := o.repeated, 0
	for i, sig := range o.signals {
		err := f.until(ctx, "publishing signal", func(ctx context.Context) (err error) {
			if look {
				if there, err = f.alreadyThere(ctx, o); err != nil {
					return err
				}
			}
			if look = false; i < there {
				return nil
			}
			err = f.s.outlet.Signal(ctx, sig, o.pos[i])
			look = err != nil
			return err
		})
		if err != nil {
			return err
		}
		f.s.metrics.signals.WithLabelValues(sig.State).Inc()
	}
	return nil
}

// alreadyThere is how many of a session's signals, from the first on, are stored.
func (f *effects) alreadyThere(ctx context.Context, o *outgoing) (int, error) {
	first := o.signals[0]
	sig, pos, ok, err := f.s.outlet.LastSignal(ctx, first.TenantId, first.SessionId)
	if err != nil || !ok || pos.Partition != f.n {
		return 0, err
	}
	n := 0
	for i, s := range o.signals {
		if o.pos[i].Seq < pos.Seq || o.pos[i].Seq == pos.Seq && s.ChallengeId == sig.ChallengeId && s.Revision == sig.Revision {
			n = i + 1
		}
	}
	return n, nil
}

// published counts what became visible along with its record. Repeated ones have no time of storage: they are not counted again.
func (f *effects) published(e *effect) {
	for i, sig := range e.signals {
		if at := e.stored[i]; at > 0 {
			f.s.metrics.eventToFlag.Observe(time.Since(time.Unix(0, at)).Seconds())
			f.s.metrics.signals.WithLabelValues(sig.State).Inc()
		}
	}
}

// until repeats do until it succeeds or ctx ends: what the journal holds must come out.
func (f *effects) until(ctx context.Context, what string, do func(context.Context) error) error {
	var told time.Time
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		attempt, cancel := context.WithTimeout(ctx, effectTimeout)
		err := do(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, broker.ErrInvalid) { // no retry would change it; the journal still holds it
			f.s.metrics.effectDrops.Inc()
			f.s.deps.Log.Error("effect dropped", "what", what, "partition", f.n, "error", err)
			return nil
		}
		f.s.metrics.effectRetries.Inc()
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			f.s.deps.Log.Warn("effect not published yet", "what", what, "partition", f.n, "error", err)
		}
		if !pauseFor(ctx, pause) {
			return ctx.Err()
		}
	}
}

// pauseFor waits; false when ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
