package natsjs

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// tellPending is how many messages of all [outlet.Tell] calls may wait for their answers; more are done one by one.
	tellPending = 16384
	// tellForget is when a message whose answer nobody waits for any more leaves them.
	tellForget = 10 * time.Second
)

// newTelling makes the sender of messages whose answers are waited for together.
func newTelling(nc *nats.Conn) (jetstream.JetStream, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(tellPending), jetstream.WithPublishAsyncTimeout(tellForget))
	if err != nil {
		return nil, fmt.Errorf("opening outlet: %w", err)
	}
	return js, nil
}

var _ broker.Teller = outlet{}

// Tell implements [broker.Teller]: all flags are sent, then all signals, and then their answers are waited for.
func (o outlet) Tell(ctx context.Context, words []broker.Word) []broker.Told {
	flags, signals := make([]asked, len(words)), make([]asked, len(words))
	for i, w := range words {
		if w.Flag == nil {
			continue
		}
		key := subject.Key(w.Flag.TenantId, w.Flag.SessionId)
		next, expect, ok := o.flags.guess(key, w.Flag, w.Position)
		if !ok {
			continue
		}
		if msg, err := flagMsg(key, next, owed{w.Flag, w.Position}, expect); err == nil {
			flags[i] = o.ask(key, msg)
		}
	}
	for i, w := range words {
		if msg, err := SignalMsg(w.Signal, w.Position); err == nil {
			signals[i] = o.ask("", msg)
		}
	}
	told := make([]broker.Told, len(words))
	for i := range flags {
		f := &flags[i]
		if f.answer == nil {
			continue
		}
		seq, err := f.wait(ctx)
		if o.flags.answered(f.key, f.msg, seq, err); err == nil {
			told[i].Flagged = time.Now()
		}
	}
	for i := range signals {
		if s := &signals[i]; s.answer != nil {
			_, err := s.wait(ctx)
			told[i].Stored = err == nil
		}
	}
	return told
}

// asked is a message that was sent. The zero value is none.
type asked struct {
	key    string // of a flag
	msg    *nats.Msg
	answer jetstream.PubAckFuture
}

func (o outlet) ask(key string, msg *nats.Msg) (a asked) {
	answer, err := o.telling.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0), jetstream.WithStallWait(time.Nanosecond))
	if err != nil {
		return a
	}
	return asked{key, msg, answer}
}

// wait returns the sequence of the message; after an error the outcome is unknown.
func (a *asked) wait(ctx context.Context) (uint64, error) {
	select {
	case ack := <-a.answer.Ok():
		return ack.Sequence, nil
	case err := <-a.answer.Err():
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
