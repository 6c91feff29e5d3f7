package scorer

import (
	"context"
	"sync"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
)

const (
	// effectQueue is how many records' effects may be on their way, and effectWaiting how many sessions, users told of and dead letters; the
	// partition waits when there are more.
	effectQueue   = 128
	effectWaiting = 256
	// effectParallel is how many of them are published at once.
	effectParallel = 16
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
	var together []way
	for key, o := range lanes {
		if f.join(key, o) {
			continue
		}
		if len(f.ways) == cap(f.ways) { // lest they wait for this one
			f.tell(together)
			together = nil
		}
		if !f.wait(ctx, f.ways) {
			return false
		}
		f.mu.Lock()
		rec.left++
		f.lanes[key] = new(lane)
		f.mu.Unlock()
		if o.brief() {
			together = append(together, way{key, o})
			continue
		}
		f.work.Go(func() { f.follow(key, o) })
	}
	f.tell(together)
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
