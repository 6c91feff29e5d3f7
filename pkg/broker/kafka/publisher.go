package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Publisher puts events on the input. The producer is idempotent: an event that has to be sent again is stored once, in order.
type Publisher struct {
	b  *Broker
	cl *kgo.Client
	// via marks what it stores as copies of a bridge.
	via bool
}

// NewPublisher makes a publisher of its own. Close it.
func (b *Broker) NewPublisher() (*Publisher, error) {
	cl, err := kgo.NewClient(append(b.options("riskd publisher"), kgo.RecordPartitioner(b.cfg.partitioner()), kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(20_000))...)
	if err != nil {
		return nil, fmt.Errorf("new kafka publisher: %w", err)
	}
	return &Publisher{b: b, cl: cl}, nil
}

// NewBridge makes a publisher of copies from another broker. Close it.
func (b *Broker) NewBridge() (*Publisher, error) {
	p, err := b.NewPublisher()
	if err == nil {
		p.via = true
	}
	return p, err
}

// contentType is as told, with the mark of a bridge's copies.
func (p *Publisher) contentType(media string) []byte {
	if p.via {
		media = wire.AsCopy(media)
	}
	return []byte(media)
}

// partitioner is the one that the apps have.
func (c Config) partitioner() kgo.Partitioner {
	if c.Partitioner == Librdkafka {
		return kgo.StickyKeyPartitioner(func(key []byte, n int) int { return int(crc32.ChecksumIEEE(key) % uint32(n)) })
	}
	return kgo.StickyKeyPartitioner(nil) // murmur2
}

// elsewhere is for people whose producers do not agree about partitions.
const elsewhere = "a producer does not use the partitioner that -kafka-partitioner names, or not the key tenant:user: if producers differ, users have " +
	"two profiles each; librdkafka's clients (kcat; Python, Go, .NET, PHP) set partitioner=murmur2_random to be as Java's, " +
	"or all use librdkafka's own with -kafka-partitioner=librdkafka"

// partitionOf is in which of n partitions riskd's own publishers put a user's events.
func (c Config) partitionOf(n int) func(tenant, user string) int {
	p := c.partitioner().ForTopic("")
	records := sync.Pool{New: func() any { return new(kgo.Record) }}
	return func(tenant, user string) int {
		r := records.Get().(*kgo.Record)
		defer records.Put(r)
		r.Key = append(append(append(r.Key[:0], tenant...), ':'), user...)
		return p.Partition(r, n)
	}
}

// EventKey is the key of a user's events.
func EventKey(tenant, user string) []byte { return []byte(tenant + ":" + user) }

// EventRecord encodes ev as riskd publishes it.
func (b *Broker) EventRecord(ev *riskdv1.Event) (*kgo.Record, error) {
	data, err := ev.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding event: %w", err)
	}
	return &kgo.Record{Topic: b.topic(eventsTopic), Key: EventKey(ev.GetTenantId(), ev.GetUser().GetId()), Value: data,
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(contentType)}}}, nil
}

// PublishBatch stores events with their acknowledgements in flight together, until ctx ends.
func (p *Publisher) PublishBatch(ctx context.Context, evs []*riskdv1.Event) []broker.Result {
	out := make([]broker.Result, len(evs))
	recs := make([]*kgo.Record, 0, len(evs))
	at := make([]int, 0, len(evs))
	for i, ev := range evs {
		r, err := p.b.EventRecord(ev)
		if err != nil {
			out[i].Err = err
			continue
		}
		r.Headers[0].Value = p.contentType(contentType)
		recs, at = append(recs, r), append(at, i)
	}
	done := make(chan struct{}, len(recs))
	for i, r := range recs {
		p.cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if errors.Is(err, kerr.MessageTooLarge) {
				err = fmt.Errorf("%w: %w", broker.ErrTooLarge, err)
			}
			if err != nil {
				out[at[i]].Err = fmt.Errorf("publishing event: %w", explain(err))
			}
			done <- struct{}{}
		})
	}
	for range recs {
		<-done
	}
	return out
}

// Publish stores one event; Kafka does not tell whether it had it already.
func (p *Publisher) Publish(ctx context.Context, ev *riskdv1.Event) (duplicate bool, err error) {
	return false, p.PublishBatch(ctx, []*riskdv1.Event{ev})[0].Err
}

// Raw stores a message of a user as it is, whether riskd can read it or not.
func (p *Publisher) Raw(ctx context.Context, tenant, user, contentType string, data []byte) error {
	err := p.cl.ProduceSync(ctx, &kgo.Record{Topic: p.b.topic(eventsTopic), Key: EventKey(tenant, user), Value: data,
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: p.contentType(contentType)}}}).FirstErr()
	if errors.Is(err, kerr.MessageTooLarge) {
		err = fmt.Errorf("%w: %w", broker.ErrTooLarge, err)
	}
	if err != nil {
		return fmt.Errorf("publishing a message: %w", explain(err))
	}
	return nil
}

// Close waits for what is under way.
func (p *Publisher) Close() { p.cl.Close() }
