package scorer

import (
	"context"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

// more adds to msgs what is there by now, without waiting.
func (p *partition) more(stop context.Context, msgs []broker.Message) ([]broker.Message, error) {
	room, bytes := p.room()
	room -= len(msgs)
	for i := range msgs {
		bytes -= len(msgs[i].Data)
	}
	if room <= 0 || bytes <= 0 || len(p.carry) > 0 { // what is carried comes first
		return msgs, nil
	}
	had := len(msgs)
	p.msgs, _ = p.tail.Take(now, msgs, room, bytes) // its only error is that now is over
	return p.msgs, p.checkGaps(stop, p.msgs[had:])
}

// room is how many messages and bytes still fit in the record in hand, one message at least.
func (p *partition) room() (messages, bytes int) {
	messages, bytes = p.s.cfg.BatchEvents, p.s.batchBytes
	if b := p.held; b != nil {
		messages, bytes = max(messages-len(b.msgs), 1), max(bytes-b.bytes, 1)
	}
	return messages, bytes
}

// now is a context that waits for nothing.
var now = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// take returns what is there, at least one message. With wait it gives up after that long.
func (p *partition) take(stop context.Context, wait time.Duration) ([]broker.Message, error) {
	messages, bytes := p.room()
	if len(p.carry) > 0 {
		n := min(len(p.carry), messages)
		p.msgs = append(p.msgs[:0], p.carry[:n]...)
		p.carry = append([]broker.Message(nil), p.carry[n:]...)
		return p.msgs, nil
	}
	enter(stageWait)
	clear(p.msgs)
	msgs, err := p.tail.Take(p.patience(stop, wait), p.msgs[:0], messages, bytes)
	p.msgs = msgs
	if err != nil {
		return nil, err
	}
	p.lag.Store(int64(msgs[len(msgs)-1].Pending))
	return msgs, nil
}

// checkGaps tells of input that is gone. Whoever has taken the partition over trims what it has judged, before the owner before has noticed; else somebody has
// purged it, or its retention was too short. An error ends the ownership: what was read is read again.
func (p *partition) checkGaps(stop context.Context, msgs []broker.Message) error {
	for i := range msgs {
		m := &msgs[i]
		if m.Missing == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(stop, readTimeout)
		last, _, err := p.log.Last(ctx)
		cancel()
		if err != nil {
			return err
		}
		if last.Seq > p.at.seq {
			return errFenced
		}
		p.s.metrics.inputGaps.Inc()
		p.s.deps.Log.Error("input is missing", "partition", p.n, "from", m.Seq-m.Missing, "to", m.Seq-1)
		m.Missing = 0 // told, if the message comes again with the next record
	}
	return nil
}

// patience is stop, with a wait it ends after that long, and where a record is held, when that is due. The same moment, that of the
// next checkpoint, is waited for many times: its context is made once.
func (p *partition) patience(stop context.Context, wait time.Duration) context.Context {
	if wait <= 0 && p.held == nil {
		return stop
	}
	until := time.Now().Add(wait)
	if p.held != nil && (wait <= 0 || until.Add(waitMargin).After(p.due.at)) {
		return p.dueBy(stop)
	}
	if p.waits.ctx == nil || p.waits.ctx.Err() != nil || until.Sub(p.waits.at).Abs() > waitMargin {
		p.waits.set(stop, until)
	}
	return p.waits.ctx
}

// deadline is a context that is used until its time has come. The zero value has none yet.
type deadline struct {
	ctx    context.Context
	at     time.Time
	cancel context.CancelFunc
}

// set ends the context before and makes one that ends at that time.
func (d *deadline) set(parent context.Context, at time.Time) {
	d.end()
	d.at = at
	d.ctx, d.cancel = context.WithDeadline(parent, at)
}

// end gives back what set made.
func (d *deadline) end() {
	if d.cancel != nil {
		d.cancel()
	}
}
