package scorer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

// work reads, judges and commits until stop ends (nil) or ownership does.
func (p *partition) work(stop context.Context) error {
	for {
		wait := p.checkpointTurn(time.Now())
		msgs, err := p.take(stop, wait)
		if stop.Err() != nil {
			return nil
		}
		if err != nil {
			continue // the turn's time is over
		}
		if err := p.inTurn(stop, msgs); err != nil {
			if stop.Err() != nil && !errors.Is(err, errFenced) {
				return nil
			}
			return err
		}
	}
}

// inTurn commits msgs, and what has come since they were taken, once it is this partition's turn. A busy worker thereby makes
// few large records of what many partitions have waiting, instead of many small ones that hold each other up.
func (p *partition) inTurn(stop context.Context, msgs []broker.Message) error {
	select {
	case p.s.turns <- struct{}{}:
	default:
		enter(stageWait)
		select {
		case p.s.turns <- struct{}{}:
		case <-stop.Done():
			return nil
		}
		msgs = p.more(msgs)
	}
	defer func() { <-p.s.turns }()
	return p.commit(stop, msgs)
}

// more adds to msgs what is there by now, without waiting.
func (p *partition) more(msgs []broker.Message) []broker.Message {
	room, bytes := p.s.cfg.BatchEvents-len(msgs), p.s.batchBytes
	for i := range msgs {
		bytes -= len(msgs[i].Data)
	}
	if room <= 0 || bytes <= 0 || len(p.carry) > 0 { // what is carried comes first
		return msgs
	}
	p.msgs, _ = p.tail.Take(now, msgs, room, bytes) // its only error is that now is over
	return p.msgs
}

// now is a context that waits for nothing.
var now = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// take returns what is there, at least one message. With wait it gives up after that long.
func (p *partition) take(stop context.Context, wait time.Duration) ([]broker.Message, error) {
	if len(p.carry) > 0 {
		n := min(len(p.carry), p.s.cfg.BatchEvents)
		p.msgs = append(p.msgs[:0], p.carry[:n]...)
		p.carry = append([]broker.Message(nil), p.carry[n:]...)
		return p.msgs, nil
	}
	enter(stageWait)
	clear(p.msgs)
	msgs, err := p.tail.Take(p.patience(stop, wait), p.msgs[:0], p.s.cfg.BatchEvents, p.s.batchBytes)
	p.msgs = msgs
	if err != nil {
		return nil, err
	}
	if m := &msgs[0]; m.Missing > 0 { // somebody purged it, or its retention was too short
		p.s.metrics.inputGaps.Inc()
		p.s.deps.Log.Error("input is missing", "partition", p.n, "from", m.Seq-m.Missing, "to", m.Seq-1)
	}
	p.lag.Store(int64(msgs[len(msgs)-1].Pending))
	return msgs, nil
}

// patience is stop, with a wait it ends after that long. The same moment, that of the next checkpoint, is waited for many times: its
// context is made once.
func (p *partition) patience(stop context.Context, wait time.Duration) context.Context {
	if wait <= 0 {
		return stop
	}
	until := time.Now().Add(wait)
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

// commit makes one record of msgs, or of as many as fit, stores it, and then makes it the state.
func (p *partition) commit(stop context.Context, msgs []broker.Message) error {
	b := p.s.getBatch()
	defer p.s.putBatch(b)
	p.adopt()
	msgs = p.oneHour(msgs)
	began := time.Now()
	for {
		p.discard()
		if err := b.build(p.s, p, msgs); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
		if len(b.stored) <= p.s.maxRecord || len(msgs) == 1 {
			break
		}
		half := len(msgs) / 2
		p.carry = append(append([]broker.Message(nil), msgs[half:]...), p.carry...)
		msgs = msgs[:half]
	}
	p.s.metrics.stepNS.Observe(float64(time.Since(began).Nanoseconds()) / float64(len(msgs)))

	enter(stageAppend)
	sent := time.Now()
	seq, err := p.append(stop, p.at.seq, b.stored, broker.Outgoing{Signals: b.fx.signals, Notices: b.fx.notices, Dead: b.fx.dead, InputLast: b.rec.InputLast})
	switch {
	case err == nil:
		p.s.metrics.commit.Observe(time.Since(sent).Seconds())
	case errors.Is(err, broker.ErrConflict):
		p.s.metrics.fenced.Inc()
		return errFenced
	default:
		if seq, err = p.settle(stop, b, err); err != nil {
			if errors.Is(err, errFenced) {
				p.s.metrics.fenced.Inc()
			}
			return err
		}
		if seq == 0 { // not stored: the same messages again, behind our new fence
			p.carry = append(append([]broker.Message(nil), msgs...), p.carry...)
			return nil
		}
	}
	return p.merge(stop, b, seq, msgs)
}

// settle finds out what became of an append whose outcome is unknown. A new fence keeps it from being stored later;
// the record before the fence is the truth. It returns the batch's sequence, or 0 when it was not stored.
func (p *partition) settle(stop context.Context, b *batch, cause error) (uint64, error) {
	p.s.deps.Log.Warn("outcome of an append is unknown", "partition", p.n, "after", p.at.seq, "error", cause)
	old := p.at
	before, err := p.fence(stop)
	switch {
	case err != nil:
		return 0, err
	case before.Hash == journal.Hash(b.stored):
		return before.Seq, nil
	case before.Seq == old.seq && before.Hash == old.hash:
		return 0, nil
	default:
		return 0, errFenced // somebody was here in between; start from what they left
	}
}

// merge makes a stored batch the state and hands its effects on.
func (p *partition) merge(stop context.Context, b *batch, seq uint64, msgs []broker.Message) error {
	enter(stageMerge)
	if err := b.fold.merge(p.st); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	p.takeParts(seq, &b.rec)
	if p.at.seq < seq { // else a fence behind the batch is already there
		p.at.seq, p.at.hash = seq, journal.Hash(b.stored)
		p.at.inputLast = b.rec.InputLast
		p.at.totals, p.at.policies = b.after, b.rec.Policies
	}
	for i := range msgs {
		p.clock = max(p.clock, msgs[i].StoredNS/1e6)
	}
	p.ck.events += len(msgs)
	p.users.Store(int64(p.st.users))
	p.bytes.Store(int64(p.st.bytes))
	p.s.metrics.committed(b)
	p.s.elsewhere.give(p, &b.elsewhere)
	fx := b.fx
	fx.seq = seq
	if !p.fx.enqueue(stop, fx) {
		return nil // stopping: pending keeps the record from counting as published
	}
	return nil
}
