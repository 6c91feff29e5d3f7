package natsjs

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// SignalMsg is a signal as it is published: CloudEvents attributes in the headers, protobuf in the payload. Its
// message id is challenge and revision, so that a repeat within the server's window is dropped.
func SignalMsg(sig *riskdv1.Signal, pos broker.Position) (*nats.Msg, error) {
	data, err := sig.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding signal: %w", err)
	}
	id := sig.ChallengeId + ":" + strconv.FormatUint(sig.Revision, 10)
	return &nats.Msg{
		Subject: subject.Signal(sig.TenantId, sig.SessionId),
		Header: nats.Header{
			jetstream.MsgIDHeader: {id},
			"ce-specversion":      {"1.0"},
			"ce-id":               {id},
			"ce-source":           {"//riskd/" + sig.TenantId},
			"ce-type":             {"dev.riskd.signal.v1"},
			HeaderContentType:     {ContentTypeEvent},
			HeaderState:           {sig.State},
			headerPosition:        {pos.String()},
		},
		Data: data,
	}, nil
}

// DeadMsg is a dead letter as it is published: a journal entry with status, reason and the message as it came. Its message id
// is partition and input position.
func DeadMsg(partition int, e *riskdv1.JournalEntry) (*nats.Msg, error) {
	data, err := e.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding dead letter: %w", err)
	}
	return &nats.Msg{
		Subject: subject.DeadOf(partition),
		Header: nats.Header{
			jetstream.MsgIDHeader: {"dead:" + strconv.Itoa(partition) + ":" + strconv.FormatUint(e.Input, 10)},
			"Riskd-Reason":        {e.Reason},
			HeaderContentType:     {ContentTypeEvent},
		},
		Data: data,
	}, nil
}

// PositionOf is the journal position that a signal message comes from.
func PositionOf(h nats.Header) (broker.Position, bool) {
	return broker.ParsePosition(h.Get(headerPosition))
}

// Store publishes one message to a stream and waits for the acknowledgement. The caller repeats it after
// an error that [IsTransient]; the message id keeps that from doubling.
func Store(ctx context.Context, js jetstream.JetStream, msg *nats.Msg) error {
	if _, err := storeMsg(ctx, js, msg); err != nil {
		return fmt.Errorf("publishing to %s: %w", msg.Subject, err)
	}
	return nil
}
