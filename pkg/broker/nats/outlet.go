package natsjs

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// outlet is what makes effects visible on NATS.
type outlet struct {
	js      jetstream.JetStream
	flags   *Flags
	telling jetstream.JetStream // see Tell
}

func (o outlet) Flag(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (bool, error) {
	return o.flags.Apply(ctx, sig, pos)
}

func (o outlet) Signal(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) error {
	msg, err := SignalMsg(sig, pos)
	if err != nil {
		return fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	return Store(ctx, o.js, msg)
}

func (o outlet) LastSignal(ctx context.Context, tenant, session string) (*riskdv1.Signal, broker.Position, bool, error) {
	m, err := ReadLast(ctx, o.js, subject.SignalsStream, subject.Signal(tenant, session))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, broker.Position{}, false, nil
	}
	if err != nil {
		return nil, broker.Position{}, false, err
	}
	sig := new(riskdv1.Signal)
	pos, ok := PositionOf(m.Header())
	if !ok || sig.UnmarshalVT(m.Data) != nil {
		return nil, pos, false, nil // not one of ours: then ours is not there
	}
	return sig, pos, true, nil
}

func (o outlet) Dead(ctx context.Context, partition int, e *riskdv1.JournalEntry) error {
	msg, err := DeadMsg(partition, e)
	if err != nil {
		return fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	return Store(ctx, o.js, msg)
}
