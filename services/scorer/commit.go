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
	defer p.drop() // what is held was not stored: the next owner judges it
	for {
		wait, err := p.checkpointTurn(time.Now())
		if err != nil {
			p.s.metrics.fenced.Inc()
			return err
		}
		msgs, err := p.take(stop, wait)
		if stop.Err() != nil {
			return nil
		}
		if err != nil { // the turn's time is over, or that of the record in hand
			msgs = p.msgs[:0]
		}
		held := false
		if err = p.checkGaps(stop, msgs); err == nil {
			msgs, held, err = p.hold(msgs)
		}
		if err == nil && !held {
			err = p.inTurn(stop, msgs)
		}
		if err != nil {
			if stop.Err() != nil && !errors.Is(err, errFenced) {
				return nil
			}
			return err
		}
	}
}

// inTurn commits msgs, behind what is held, and what has come since they were taken, once it is this partition's turn. A busy worker
// thereby makes few large records of what many partitions have waiting, instead of many small ones that hold each other up.
func (p *partition) inTurn(stop context.Context, msgs []broker.Message) error {
	waited := false
	select {
	case p.s.turns <- struct{}{}:
	default:
		enter(stageWait)
		select {
		case p.s.turns <- struct{}{}:
			waited = true
		case <-stop.Done():
			return nil
		}
	}
	defer func() { <-p.s.turns }()
	if waited {
		var err error
		if msgs, err = p.more(stop, msgs); err != nil {
			return err
		}
	}
	return p.commit(stop, msgs)
}

// commit makes one record of what is held and msgs, or of as many as fit, stores it, and then makes it the state.
func (p *partition) commit(stop context.Context, msgs []broker.Message) error {
	b := p.held
	if b == nil {
		b = p.begin(len(msgs) >= heldEvents)
	}
	p.held = nil
	defer p.s.putBatch(b)
	if err := p.extend(b, msgs); err != nil {
		return err
	}
	if err := p.seal(b); err != nil {
		return err
	}

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
			p.carryOver(b.msgs)
			return nil
		}
	}
	return p.merge(stop, b, seq)
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
func (p *partition) merge(stop context.Context, b *batch, seq uint64) error {
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
	for i := range b.msgs {
		p.clock = max(p.clock, b.msgs[i].StoredNS/1e6)
	}
	p.ck.events += len(b.msgs)
	p.users.Store(int64(p.st.users))
	p.bytes.Store(int64(p.st.bytes))
	p.s.metrics.committed(b)
	p.s.elsewhere.give(p, &b.elsewhere)
	p.tail.Done(b.rec.InputLast)
	fx := b.fx
	fx.seq = seq
	if !p.fx.enqueue(stop, fx) {
		return nil // stopping: pending keeps the record from counting as published
	}
	return nil
}
