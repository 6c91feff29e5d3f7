package scorer

import (
	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

// lane is a session, or a user who is told of, that is being published, and what came meanwhile and goes next.
type lane struct{ next *outgoing }

// outgoing is one session's signals in order, of which the last one says what the flag has to be; or one user's notices.
type outgoing struct {
	signals []*riskdv1.Signal
	notices []*notice.Notice
	pos     []broker.Position
	stored  int64
	// flagged tells that the flag is known to be written, known is how many of the signals, from the first on, are known to be stored.
	flagged bool
	known   int
	// repeated tells that of the others some may have been published, by an earlier owner or together with others.
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

// follow publishes a session until nothing more of it waits.
func (f *effects) follow(key string, o *outgoing) {
	defer func() { <-f.ways }()
	for o != nil && f.slot(func() error { return f.publish(f.ctx, o) }) {
		o = f.done(key, o)
	}
}

// done counts what was published of a session as such, and returns what waits behind it, nil when nothing does.
func (f *effects) done(key string, o *outgoing) (next *outgoing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rec := range o.of {
		f.acknowledged(rec)
	}
	at := f.lanes[key]
	if next, at.next = at.next, nil; next == nil {
		delete(f.lanes, key)
	}
	return next
}
