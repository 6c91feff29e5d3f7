package natsjs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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

// Result is what became of one event of a batch.
type Result struct {
	// Duplicate is set when the server had the event already.
	Duplicate bool
	// Err is set when the event is not known to be stored; sending it again is safe.
	Err error
}

// ErrTooLarge is wrapped when an event exceeds the server's maximum payload.
var ErrTooLarge = errors.New("event exceeds the broker's maximum payload")

// Publish stores one event and waits for the server's acknowledgement, until ctx ends. The event must be valid
// (package wire checks); it is encoded before Publish waits.
func (p *Publisher) Publish(ctx context.Context, ev *riskdv1.Event) (duplicate bool, err error) {
	if err := p.reserve(ctx); err != nil {
		return false, err
	}
	s, err := p.send(ev)
	if err != nil {
		return false, err
	}
	out := make([]Result, 1)
	p.settleAll(ctx, []sending{s}, out)
	return out[0].Duplicate, out[0].Err
}

// PublishBatch stores several events with their acknowledgements in flight together. Results are in the order of
// evs. The order of one user's events is kept as long as nothing has to be repeated.
func (p *Publisher) PublishBatch(ctx context.Context, evs []*riskdv1.Event) []Result {
	out := make([]Result, len(evs))
	for start := 0; start < len(evs); start += p.cfg.MaxPending {
		chunk := evs[start:min(start+p.cfg.MaxPending, len(evs))]
		sent := make([]sending, len(chunk))
		for i, ev := range chunk {
			var err error
			select {
			case p.slots <- struct{}{}:
			default:
				// Others fill the window. Settle our own before waiting, so that two batches cannot wait for each other.
				p.settleAll(ctx, sent[:i], out[start:])
				err = p.reserve(ctx)
			}
			if err == nil {
				sent[i], err = p.send(ev)
			}
			out[start+i].Err = err
		}
		p.settleAll(ctx, sent, out[start:])
	}
	return out
}

// settleAll waits for every event under way in sent, empties those entries and frees their slots. What got no
// acknowledgement is sent again all together, in order, until it has one or ctx ends.
func (p *Publisher) settleAll(ctx context.Context, sent []sending, out []Result) {
	finish := func(i int, r Result) {
		out[i], sent[i] = r, sending{}
		<-p.slots
	}
	for pause := p.cfg.Retry; ; pause = min(2*pause, time.Second) {
		again := false
		for i := range sent {
			s := &sent[i]
			if s.msg == nil {
				continue
			}
			if s.err == nil {
				select {
				case ack := <-s.fut.Ok():
					finish(i, Result{Duplicate: ack.Duplicate})
					continue
				case s.err = <-s.fut.Err():
				case <-ctx.Done():
					s.err = ctx.Err()
				}
			}
			if !IsTransient(s.err) || ctx.Err() != nil {
				finish(i, Result{Err: fmt.Errorf("publishing event: %w", s.err)})
				continue
			}
			again = true
		}
		if !again {
			return
		}
		sleep(ctx, pause)
		for i := range sent {
			if s := &sent[i]; s.msg != nil && ctx.Err() == nil {
				s.fut, s.err = p.js.PublishMsgAsync(s.msg, jetstream.WithStallWait(p.cfg.AckWait))
			}
		}
	}
}

// sending is one event under way.
type sending struct {
	msg *nats.Msg
	fut jetstream.PubAckFuture
	err error
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

// reserve takes a slot of the window.
func (p *Publisher) reserve(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("publishing event: %w", ctx.Err())
	}
}

// send uses the slot taken by reserve, and gives it back when it fails.
func (p *Publisher) send(ev *riskdv1.Event) (sending, error) {
	msg, err := EventMsg(ev, p.partitions)
	if err == nil {
		if limit := p.js.Conn().MaxPayload(); limit > 0 && int64(msg.Size()) > limit {
			err = fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, msg.Size(), limit)
		}
	}
	if err != nil {
		<-p.slots
		return sending{}, err
	}
	s := sending{msg: msg}
	s.fut, s.err = p.js.PublishMsgAsync(msg, jetstream.WithStallWait(p.cfg.AckWait))
	return s, nil
}
