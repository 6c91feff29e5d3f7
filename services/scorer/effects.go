package scorer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// effectQueue is how many records' effects may be on their way, and effectWaiting how many sessions, users told of and dead letters; the
	// partition waits when there are more.
	effectQueue   = 128
	effectWaiting = 256
	// effectParallel is how many of them are published at once.
	effectParallel = 16
	// effectTimeout bounds one attempt to publish.
	effectTimeout = 3 * time.Second
)

// effect is what one committed record makes visible: signals, flags, notices, dead letters.
type effect struct {
	seq     uint64
	signals []*riskdv1.Signal
	stored  []int64 // per signal: when the broker took the event, Unix nanoseconds; 0 when repeated
	dead    []*riskdv1.JournalEntry
	notices []*notice.Notice
	// repeated tells that an earlier owner may have published it.
	repeated bool
}

func (e *effect) add(signals []*riskdv1.Signal, storedNS int64) {
	for _, s := range signals {
		e.signals = append(e.signals, s)
		e.stored = append(e.stored, storedNS)
	}
}

func (e *effect) empty() bool { return len(e.signals) == 0 && len(e.dead) == 0 && len(e.notices) == 0 }

// effects publishes what records caused, after they are stored, until it is acknowledged: in order per session, while other
// sessions, also of later records, do not wait for it. Records say how far that got, so that a new owner repeats the rest and
// nothing else.
type effects struct {
	s     *Service
	n     int             // partition
	ctx   context.Context // ends when the owner gives up
	room  chan struct{}   // one for each record on its way
	ways  chan struct{}   // one for each lane or dead letter on its way
	slots chan struct{}   // one for each of them that is being published
	work  sync.WaitGroup

	mu sync.Mutex
	// pending are the records on their way, ascending; those done already wait for the ones before them.
	pending []*caused
	// lanes has every session that is being published.
	lanes map[string]*lane
}

// caused is a record whose effects are on their way.
type caused struct {
	seq  uint64
	left int // sessions and dead letters that are not acknowledged
}

// lane is a session, or a user who is told of, that is being published, and what came meanwhile and goes next.
type lane struct{ next *outgoing }

// newEffects publishes until ctx ends.
func newEffects(ctx context.Context, s *Service, partition int) *effects {
	return &effects{s: s, n: partition, ctx: ctx, room: make(chan struct{}, effectQueue), ways: make(chan struct{}, effectWaiting),
		slots: make(chan struct{}, effectParallel), lanes: make(map[string]*lane)}
}

// publishedThrough is the last sequence whose effects, and those of all before it, are out. last is the
// partition's last committed sequence.
func (f *effects) publishedThrough(last uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) > 0 {
		return f.pending[0].seq - 1
	}
	return last
}

// finish waits until all is acknowledged or the owner has given up. Nothing may be handed over meanwhile.
func (f *effects) finish() { f.work.Wait() }

// enqueue hands over the effects of a stored record, whose sequence is above those before. It waits while too many are on their
// way; false when ctx ended first.
func (f *effects) enqueue(ctx context.Context, e effect) bool {
	if e.empty() {
		return true
	}
	if f.s.outlet == nil { // the record's own transaction has published them
		f.published(&e)
		return true
	}
	rec := f.begin(e.seq) // until all of it is on its way, so that it counts as unpublished even when ctx ends before
	if !f.wait(ctx, f.room) {
		return false
	}
	for _, d := range e.dead {
		if !f.wait(ctx, f.ways) {
			return false
		}
		f.mu.Lock()
		rec.left++
		f.mu.Unlock()
		f.work.Go(func() { f.bury(rec, d) })
	}
	lanes := f.bySession(rec, &e)
	f.byUser(lanes, rec, &e)
	for key, o := range lanes {
		if f.join(key, o) {
			continue
		}
		if !f.wait(ctx, f.ways) {
			return false
		}
		f.mu.Lock()
		rec.left++
		f.lanes[key] = new(lane)
		f.mu.Unlock()
		f.work.Go(func() { f.follow(key, o) })
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acknowledged(rec) // what begin counted
	return true
}

// wait takes one of what is bounded; false when ctx ended first.
func (f *effects) wait(ctx context.Context, from chan struct{}) bool {
	select {
	case from <- struct{}{}:
		return true
	default:
	}
	f.s.metrics.effectWaits.Inc()
	select {
	case from <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin makes a record count as unpublished.
func (f *effects) begin(seq uint64) *caused {
	rec := &caused{seq: seq, left: 1}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, rec)
	return rec
}

// outgoing is one session's signals in order, of which the last one says what the flag has to be; or one user's notices.
type outgoing struct {
	signals []*riskdv1.Signal
	notices []*notice.Notice
	pos     []broker.Position
	stored  int64
	// repeated tells that some of them may have been published by an earlier owner.
	repeated bool
	// of are the records they come from.
	of []*caused
}

// bySession sorts a record's signals.
func (f *effects) bySession(rec *caused, e *effect) map[string]*outgoing {
	out := make(map[string]*outgoing, len(e.signals))
	for i, sig := range e.signals {
		key := subject.Key(sig.TenantId, sig.SessionId)
		o := out[key]
		if o == nil {
			o = &outgoing{stored: e.stored[i], of: []*caused{rec}}
			out[key] = o
		}
		o.repeated = o.repeated || e.stored[i] == 0
		o.signals = append(o.signals, sig)
		o.pos = append(o.pos, broker.Position{Partition: f.n, Seq: e.seq})
	}
	return out
}

// join lets a session's signals go after those on their way; false when there are none. Only the partition's goroutine begins a
// session, so it stays so until it does.
func (f *effects) join(key string, o *outgoing) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.lanes[key]
	if at == nil {
		return false
	}
	o.of[0].left++
	if n := at.next; n != nil {
		n.signals, n.pos, n.of = append(n.signals, o.signals...), append(n.pos, o.pos...), append(n.of, o.of...)
		n.notices = append(n.notices, o.notices...)
		n.repeated = n.repeated || o.repeated
	} else {
		at.next = o
	}
	return true
}

// bury publishes a dead letter.
func (f *effects) bury(rec *caused, d *riskdv1.JournalEntry) {
	defer func() { <-f.ways }()
	if f.slot(func() error {
		return f.until(f.ctx, "publishing dead letter", func(ctx context.Context) error { return f.s.outlet.Dead(ctx, f.n, d) })
	}) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.acknowledged(rec)
	}
}

// follow publishes a session until nothing more of it waits.
func (f *effects) follow(key string, o *outgoing) {
	defer func() { <-f.ways }()
	for o != nil && f.slot(func() error { return f.publish(f.ctx, o) }) {
		f.mu.Lock()
		for _, rec := range o.of {
			f.acknowledged(rec)
		}
		at := f.lanes[key]
		if o, at.next = at.next, nil; o == nil {
			delete(f.lanes, key)
		}
		f.mu.Unlock()
	}
}

// slot does something when one of effectParallel is free; false when the owner has given up.
func (f *effects) slot(do func() error) bool {
	select {
	case f.slots <- struct{}{}:
	case <-f.ctx.Done():
		return false
	}
	defer func() { <-f.slots }()
	return f.ctx.Err() == nil && do() == nil
}

// acknowledged counts one effect of a record as published; f.mu is held.
func (f *effects) acknowledged(rec *caused) {
	if rec.left--; rec.left > 0 {
		return
	}
	<-f.room
	for len(f.pending) > 0 && f.pending[0].left == 0 {
		f.pending[0] = nil
		f.pending = f.pending[1:]
	}
}

func (f *effects) publish(ctx context.Context, o *outgoing) error {
	if len(o.notices) > 0 {
		return f.publishNotices(ctx, o)
	}
	return f.publishSession(ctx, o)
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
	if !e.repeated {
		f.s.metrics.notices.Add(float64(len(e.notices)))
	}
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
