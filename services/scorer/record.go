package scorer

import (
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

// begin opens a record, of a backlog or one to be held, by what is in force now.
func (p *partition) begin(backlog bool) *batch {
	p.adopt()
	p.discard()
	b := p.s.getBatch(backlog)
	b.open(p.s, p)
	return b
}

// extend judges msgs, or those of them that belong to the record's hour, as part of it.
func (p *partition) extend(b *batch, msgs []broker.Message) error {
	if msgs = p.oneHour(b, msgs); len(msgs) == 0 {
		return nil
	}
	began := time.Now()
	if err := b.extend(p.s, p, msgs); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	p.s.metrics.stepNS.Observe(float64(time.Since(began).Nanoseconds()) / float64(len(msgs)))
	return nil
}

// seal encodes a record, or one of as many of its messages as fit.
func (p *partition) seal(b *batch) error {
	for {
		if err := b.seal(p.s, p); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
		if len(b.stored) <= p.s.maxRecord || len(b.msgs) == 1 {
			return nil
		}
		half := len(b.msgs) / 2
		p.carryOver(b.msgs[half:])
		msgs := b.msgs[:half]
		p.discard()
		b.open(p.s, p)
		if err := b.extend(p.s, p, msgs); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
}

// carryOver keeps messages for the next record.
func (p *partition) carryOver(msgs []broker.Message) {
	p.carry = append(append([]broker.Message(nil), msgs...), p.carry...)
}

const (
	// maxSmall bounds the idle batches kept that have room for largeFrom events at most. Of larger ones, some 2 KiB an event, as many are
	// kept as there are turns.
	maxSmall  = 64
	largeFrom = 4 * heldEvents
)

// getBatch takes an idle batch, one that has room for a backlog if there is one and it is asked for.
func (s *Service) getBatch(backlog bool) *batch {
	s.batchMu.Lock()
	defer s.batchMu.Unlock()
	from := &s.small
	if backlog && len(s.large) > 0 {
		from = &s.large
	}
	if n := len(*from); n > 0 {
		b := (*from)[n-1]
		*from = (*from)[:n-1]
		return b
	}
	return &batch{fold: newFold(s.cfg.Retention.Milliseconds()), w: journal.NewWriter()}
}

func (s *Service) putBatch(b *batch) {
	b.fx = effect{}
	clear(b.msgs)
	s.batchMu.Lock()
	defer s.batchMu.Unlock()
	to, most := &s.small, maxSmall
	if len(b.entries) > largeFrom {
		to, most = &s.large, s.cfg.Turns
	}
	if len(*to) < most {
		*to = append(*to, b)
	}
}
