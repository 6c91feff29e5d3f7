package scorer

import (
	"context"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

const (
	// heldEvents and heldBytes are how much a record holds at most before it is stored without waiting for more.
	heldEvents = 64
	heldBytes  = 64 << 10
	// recordWait is how long a record that raises nothing waits, where the broker does not say. At 20,000 events/s in 32 partitions it
	// gathers eight of them; more gained nothing.
	recordWait = 10 * time.Millisecond
)

// hold judges msgs at once and keeps their record open for more, or says that it is not held: then it is to be committed, with rest. What
// a broker and a worker do for a record is most of what a small one costs, and nobody waits for one that raises nothing. One
// that does is committed at once, with all that was held. So a worker that is given events one by one tells apps as soon as it can and
// yet makes few records. What is held was judged and not stored: after a crash the next owner judges it again.
//
// A backlog is neither held nor judged here: it waits for its turn.
func (p *partition) hold(msgs []broker.Message) (rest []broker.Message, held bool, err error) {
	b := p.held
	if len(msgs) == 0 {
		return msgs, b == nil || time.Now().Before(p.due.at), nil
	}
	if p.s.hold == 0 || len(msgs) >= heldEvents || len(p.carry) > 0 {
		return msgs, false, nil
	}
	if b == nil {
		b = p.begin(false)
		p.held = b
		p.holdUntil(time.Now().Add(p.s.hold))
	}
	if err := p.extend(b, msgs); err != nil {
		return nil, false, err
	}
	full := len(b.msgs) >= min(heldEvents, p.s.cfg.BatchEvents) || b.bytes >= heldBytes || len(p.carry) > 0 // what is carried is of another hour
	return msgs[:0], !full && !b.urgent() && time.Now().Before(p.due.at), nil
}

// holdUntil says when the record in hand is due.
func (p *partition) holdUntil(t time.Time) {
	p.due.end()
	p.due = deadline{at: t}
}

// dueBy ends when the record that is held has to be stored.
func (p *partition) dueBy(stop context.Context) context.Context {
	if p.due.ctx == nil {
		p.due.set(stop, p.due.at)
	}
	return p.due.ctx
}

// drop forgets what is held, as if it had not been judged.
func (p *partition) drop() {
	p.due.end()
	if p.held != nil {
		p.discard()
		p.s.putBatch(p.held)
		p.held = nil
	}
}
