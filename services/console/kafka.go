package console

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// OverKafka fills in what a console does over Kafka. The broker is open.
func OverKafka(deps Deps, b *kafka.Broker, partitions int) Deps {
	deps.Publisher, deps.Road = kafkaPublisher{b.Publisher()}, kafkaRoad{b, partitions}
	return deps
}

type kafkaPublisher struct{ pub broker.Publisher }

func (p kafkaPublisher) Publish(ctx context.Context, ev *riskdv1.Event) error {
	return p.pub.PublishBatch(ctx, []*riskdv1.Event{ev})[0].Err
}

type kafkaRoad struct {
	b          *kafka.Broker
	partitions int
}

func (k kafkaRoad) Heads(ctx context.Context) ([]Head, error) {
	heads := make([]Head, k.partitions)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asked)
	for p := range heads {
		g.Go(func() error {
			l := k.b.Log(p)
			last, err := l.InputEnd(ctx)
			if err != nil {
				return err
			}
			rec, ok, err := l.Last(ctx)
			if err != nil {
				return err
			}
			heads[p] = Head{Partition: p, Input: last}
			if ok {
				heads[p].Judged, heads[p].Journal = rec.Record.InputLast, rec.Seq
			}
			return nil
		})
	}
	return heads, g.Wait()
}
