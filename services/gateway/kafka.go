package gateway

import (
	"context"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// OverKafka fills the broker's part of deps. The broker is open; flags follow the topic of signals and are run by the caller. Without
// them, sessions and signals stay what they are: those of another broker.
func OverKafka(deps Deps, b *kafka.Broker, flags *kafka.Table) Deps {
	deps.Publisher = kafkaPublisher{b.Publisher()}
	deps.Notices = b
	if flags != nil {
		deps.Sessions, deps.Signals = flags, kafkaSignals{b}
	}
	return deps
}

type kafkaPublisher struct{ pub broker.Publisher }

func (p kafkaPublisher) Publish(ctx context.Context, evs []*riskdv1.Event) []Published {
	out := make([]Published, len(evs))
	for i, r := range p.pub.PublishBatch(ctx, evs) {
		out[i] = Published(r)
	}
	return out
}

type kafkaSignals struct{ b *kafka.Broker }

func (s kafkaSignals) Last(ctx context.Context) (uint64, error) { return s.b.LastSignal(ctx) }

func (s kafkaSignals) Open(from uint64) (SignalReader, error) {
	r, err := s.b.OpenSignals(from)
	if err != nil {
		return nil, err
	}
	return &kafkaReader{r}, nil
}

type kafkaReader struct{ r *kafka.SignalReader }

func (k *kafkaReader) Close() { k.r.Close() }

func (k *kafkaReader) Take(ctx context.Context, dst []Positioned) ([]Positioned, error) {
	got, err := k.r.Take(ctx)
	for _, s := range got {
		dst = append(dst, Positioned{Position: s.Position, Signal: s.Signal})
	}
	return dst, err
}
