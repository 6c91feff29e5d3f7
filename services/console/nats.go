package console

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// OverNATS fills in what a console does over NATS: it publishes what analysts say, and asks how far the road is.
func OverNATS(deps Deps, js jetstream.JetStream, partitions int) (Deps, error) {
	pub, err := natsjs.NewPublisher(js.Conn(), partitions, natsjs.PublisherConfig{MaxPending: maxRedrive})
	if err != nil {
		return deps, err
	}
	deps.Publisher, deps.Road = natsPublisher{pub}, natsRoad{js, partitions}
	return deps, nil
}

type natsPublisher struct{ pub *natsjs.Publisher }

func (p natsPublisher) Publish(ctx context.Context, ev *riskdv1.Event) error {
	_, err := p.pub.Publish(ctx, ev) // one that is there already is there
	return err
}

type natsRoad struct {
	js         jetstream.JetStream
	partitions int
}

// asked is how many partitions are asked at once.
const asked = 8

func (n natsRoad) Heads(ctx context.Context) ([]Head, error) {
	heads := make([]Head, n.partitions)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asked)
	for p := range heads {
		g.Go(func() error {
			last, _, err := natsjs.LastSeq(ctx, n.js, subject.EventsStream(p))
			if err != nil {
				return err
			}
			rec, ok, err := natsjs.LastRecord(ctx, n.js, p)
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
