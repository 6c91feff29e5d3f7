package natsjs

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
)

// sending is one event under way.
type sending struct {
	msg *nats.Msg
	fut jetstream.PubAckFuture
	err error
	// waits tells that the user's event before it has no acknowledgement yet, next is the user's event behind it, -1: none.
	waits bool
	next  int
}

// reserve takes a slot of the window.
func (p *Publisher) reserve(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("publishing event: %w", ctx.Err())
	}
}

// send uses the slot taken by reserve.
func (p *Publisher) send(s *sending) {
	s.fut, s.err = p.js.PublishMsgAsync(s.msg, jetstream.WithStallWait(p.cfg.AckWait))
}

// settleAll waits for every event under way in sent, empties those entries and frees their slots. What got no
// acknowledgement is sent again all together, in order, until it has one or ctx ends.
func (p *Publisher) settleAll(ctx context.Context, sent []sending, out []broker.Result) {
	finish := func(i int, r broker.Result) {
		next := sent[i].next
		out[i], sent[i] = r, sending{next: -1}
		if next < 0 {
			<-p.slots
			return
		}
		sent[next].waits = false // the slot passes on
		if ctx.Err() == nil {
			p.send(&sent[next])
		} else {
			sent[next].err = ctx.Err()
		}
	}
	for pause := p.cfg.Retry; ; pause = min(2*pause, time.Second) {
		again := false
		for i := range sent {
			s := &sent[i]
			if s.msg == nil || s.waits {
				continue
			}
			if s.err == nil {
				select {
				case ack := <-s.fut.Ok():
					finish(i, broker.Result{Duplicate: ack.Duplicate})
					continue
				case s.err = <-s.fut.Err():
				case <-ctx.Done():
					s.err = ctx.Err()
				}
			}
			if !IsTransient(s.err) || ctx.Err() != nil {
				finish(i, broker.Result{Err: fmt.Errorf("publishing event: %w", s.err)})
				continue
			}
			again = true
		}
		if !again {
			return
		}
		sleep(ctx, pause)
		for i := range sent {
			if s := &sent[i]; s.msg != nil && !s.waits && ctx.Err() == nil {
				p.send(s)
			}
		}
	}
}
