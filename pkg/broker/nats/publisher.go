package natsjs

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// Header names beside NATS's own.
const (
	// HeaderContentType says how the payload is written.
	HeaderContentType = "content-type"
	// ContentTypeEvent is the payload of every event that riskd itself publishes.
	ContentTypeEvent = "application/protobuf"

	// maxMsgID bounds the dedupe key that the server keeps in memory; longer identities are left to the engine.
	maxMsgID = 512
)

// PublisherConfig bounds a [Publisher].
type PublisherConfig struct {
	// MaxPending is how many events may wait for their PubAck. Default 4096.
	MaxPending int
	// AckWait is how long to wait for one PubAck before the event is sent again. Default 2 s.
	AckWait time.Duration
	// Via marks what it stores as copies of a bridge.
	Via bool
	// Retry is the pause before an event is sent again. Default 50 ms, doubled up to 1 s.
	Retry time.Duration
}

// DefaultPublisherConfig suits one process on a local or nearby server.
func DefaultPublisherConfig() PublisherConfig {
	return PublisherConfig{MaxPending: 4096, AckWait: 2 * time.Second, Retry: 50 * time.Millisecond}
}

// Publisher puts events on the input. It keeps each event until the server has stored it and repeats it
// with the same id until then, so a lost acknowledgement makes a duplicate that the server drops.
type Publisher struct {
	js         jetstream.JetStream
	partitions int
	cfg        PublisherConfig
	slots      chan struct{}
}

// NewPublisher makes a publisher for an installation of that many partitions. It owns no goroutine.
func NewPublisher(nc *nats.Conn, partitions int, cfg PublisherConfig) (*Publisher, error) {
	if partitions < 1 || partitions > MaxPartitions {
		return nil, fmt.Errorf("new publisher: %d partitions are outside 1 to %d", partitions, MaxPartitions)
	}
	def := DefaultPublisherConfig()
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = def.MaxPending
	}
	if cfg.AckWait <= 0 {
		cfg.AckWait = def.AckWait
	}
	if cfg.Retry <= 0 {
		cfg.Retry = def.Retry
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*cfg.MaxPending), jetstream.WithPublishAsyncTimeout(cfg.AckWait))
	if err != nil {
		return nil, fmt.Errorf("new publisher: %w", err)
	}
	return &Publisher{js: js, partitions: partitions, cfg: cfg, slots: make(chan struct{}, cfg.MaxPending)}, nil
}

// Partitions is the partition count that it publishes to.
func (p *Publisher) Partitions() int { return p.partitions }

// Publish stores one event and waits for the server's acknowledgement, until ctx ends. The event must be valid
// (package wire checks); it is encoded before Publish waits.
func (p *Publisher) Publish(ctx context.Context, ev *riskdv1.Event) (duplicate bool, err error) {
	msg, err := p.message(ev)
	if err != nil {
		return false, err
	}
	if err := p.reserve(ctx); err != nil {
		return false, err
	}
	s := sending{msg: msg, next: -1}
	p.send(&s)
	out := make([]broker.Result, 1)
	p.settleAll(ctx, []sending{s}, out)
	return out[0].Duplicate, out[0].Err
}

// PublishBatch stores several events with their acknowledgements in flight together. Results are in the order of
// evs. A user's events are stored in their order, also when some have to be repeated: each is sent when the one before it has its
// acknowledgement. An event that is refused for good does not keep the user's next ones.
func (p *Publisher) PublishBatch(ctx context.Context, evs []*riskdv1.Event) []broker.Result {
	out := make([]broker.Result, len(evs))
	for start := 0; start < len(evs); start += p.cfg.MaxPending {
		chunk := evs[start:min(start+p.cfg.MaxPending, len(evs))]
		sent := make([]sending, len(chunk))
		before := make(map[string]int, len(chunk)) // each user's latest event in the chunk
		for i, ev := range chunk {
			msg, err := p.message(ev)
			if err != nil {
				out[start+i].Err = err
				continue
			}
			sent[i].next = -1
			prev, behind := before[msg.Subject]
			before[msg.Subject] = i
			if behind && sent[prev].msg != nil {
				sent[i].msg, sent[i].waits, sent[prev].next = msg, true, i
				continue
			}
			select {
			case p.slots <- struct{}{}:
			default:
				// Others fill the window. Settle our own before waiting, so that two batches cannot wait for each other.
				p.settleAll(ctx, sent[:i], out[start:])
				err = p.reserve(ctx)
			}
			if err != nil {
				out[start+i].Err = err
				continue
			}
			sent[i].msg = msg
			p.send(&sent[i])
		}
		p.settleAll(ctx, sent, out[start:])
	}
	return out
}

// EventMsg encodes ev as riskd publishes it.
func EventMsg(ev *riskdv1.Event, partitions int) (*nats.Msg, error) {
	data, err := ev.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding event: %w", err)
	}
	tenant, user := ev.GetTenantId(), ev.GetUser().GetId()
	msg := &nats.Msg{
		Subject: subject.Event(subject.Partition(tenant, user, partitions), tenant, user),
		Header:  nats.Header{HeaderContentType: {ContentTypeEvent}},
		Data:    data,
	}
	if id := ev.Source + "|" + ev.Id; len(id) <= maxMsgID {
		msg.Header[jetstream.MsgIDHeader] = []string{id}
	}
	return msg, nil
}

// message encodes an event that the server can take.
func (p *Publisher) message(ev *riskdv1.Event) (*nats.Msg, error) {
	msg, err := EventMsg(ev, p.partitions)
	if err != nil {
		return nil, err
	}
	if limit := p.js.Conn().MaxPayload(); limit > 0 && int64(msg.Size()) > limit {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", broker.ErrTooLarge, msg.Size(), limit)
	}
	if p.cfg.Via {
		msg.Header[HeaderContentType] = []string{wire.AsCopy(ContentTypeEvent)}
	}
	return msg, nil
}

// Raw stores a message of a user as it is, whether riskd can read it or not.
func (p *Publisher) Raw(ctx context.Context, tenant, user, contentType string, data []byte) error {
	if p.cfg.Via {
		contentType = wire.AsCopy(contentType)
	}
	msg := &nats.Msg{Subject: subject.Event(subject.Partition(tenant, user, p.partitions), tenant, user), Header: nats.Header{HeaderContentType: {contentType}}, Data: data}
	if limit := p.js.Conn().MaxPayload(); limit > 0 && int64(msg.Size()) > limit {
		return fmt.Errorf("%w: %d bytes, limit %d", broker.ErrTooLarge, msg.Size(), limit)
	}
	return Store(ctx, p.js, msg)
}
