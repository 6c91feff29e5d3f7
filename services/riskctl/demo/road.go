package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/sdk"
	sdkkafka "github.com/riskd-io/riskd/pkg/sdk/kafka"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// road is riskd's broker as the demo uses it: as its apps, as somebody who sends what is wrong, and as who counts.
type road interface {
	broker.Publisher
	broker.Logs
	partitions() int
	// stored counts the events that a partition took.
	stored(ctx context.Context, partition int) (uint64, error)
	// signals hands over what comes, until ctx ends or the thread is lost.
	signals(ctx context.Context, hand func(*riskdv1.Signal)) error
	// repeat stores an event once more as a producer would that gives no message ids.
	repeat(ctx context.Context, ev *riskdv1.Event) error
	// raw stores something under a user's name that is no event.
	raw(ctx context.Context, tenant, user, contentType string, data []byte) error
	// app joins as an application.
	app(opts ...sdk.Option) (*sdk.Client, error)
	close()
}

// appSource is the demo among the applications.
const appSource = "//riskd/demo"

// openRoad connects to the riskd that was started.
func (c *Config) openRoad(ctx context.Context) (road, error) {
	if c.Kafka != "" {
		return openKafkaRoad(ctx, c.Kafka)
	}
	nc, err := natsjs.Connect("nats://"+c.Listen["nats-listen"], "riskctl demo", nats.Timeout(10*time.Second))
	if err != nil {
		return nil, err
	}
	r, err := openNATSRoad(ctx, nc)
	if err != nil {
		nc.Close()
	}
	return r, err
}

type natsRoad struct {
	*natsjs.Publisher
	*natsjs.Broker
	nc *nats.Conn
	js jetstream.JetStream
}

func openNATSRoad(ctx context.Context, nc *nats.Conn) (road, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("opening jetstream: %w", err)
	}
	partitions, err := natsjs.Partitions(ctx, js)
	if err != nil {
		return nil, err
	}
	pub, err := natsjs.NewPublisher(nc, partitions, natsjs.DefaultPublisherConfig())
	if err != nil {
		return nil, err
	}
	return natsRoad{pub, natsjs.NewBroker(js), nc, js}, nil
}

func (r natsRoad) partitions() int { return r.Partitions() }

func (r natsRoad) stored(ctx context.Context, partition int) (uint64, error) {
	s, err := r.js.Stream(ctx, subject.EventsStream(partition))
	if err != nil {
		return 0, fmt.Errorf("reading input stream %d: %w", partition, err)
	}
	return s.CachedInfo().State.LastSeq, nil
}

func (r natsRoad) signals(ctx context.Context, hand func(*riskdv1.Signal)) error {
	c, err := r.js.OrderedConsumer(ctx, subject.SignalsStream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return err
	}
	msgs, err := c.Messages()
	if err != nil {
		return err
	}
	defer msgs.Stop()
	stop := context.AfterFunc(ctx, msgs.Stop)
	defer stop()
	for {
		m, err := msgs.Next()
		if err != nil {
			return err
		}
		sig := new(riskdv1.Signal)
		if sig.UnmarshalVT(m.Data()) == nil {
			hand(sig)
		}
	}
}

func (r natsRoad) repeat(ctx context.Context, ev *riskdv1.Event) error {
	msg, err := natsjs.EventMsg(proto.Clone(ev).(*riskdv1.Event), r.partitions())
	if err != nil {
		return err
	}
	delete(msg.Header, nats.MsgIdHdr)
	return natsjs.Store(ctx, r.js, msg)
}

func (r natsRoad) raw(ctx context.Context, tenant, user, contentType string, data []byte) error {
	msg := nats.NewMsg(subject.PlainEvent(tenant, user))
	msg.Header.Set("content-type", contentType)
	msg.Data = data
	return natsjs.Store(ctx, r.js, msg)
}

func (r natsRoad) app(opts ...sdk.Option) (*sdk.Client, error) {
	return sdk.New(appSource, append(opts, sdk.WithConn(r.nc))...)
}

func (r natsRoad) close() { r.nc.Close() }

type kafkaRoad struct {
	*kafka.Publisher
	b     *kafka.Broker
	cfg   kafka.Config
	count int
}

func openKafkaRoad(ctx context.Context, url string) (road, error) {
	cfg, err := kafka.DefaultConfig().ParseURL(url)
	if err != nil {
		return nil, err
	}
	b, err := kafka.New(cfg, "riskctl demo", slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return nil, err
	}
	in, err := b.Open(ctx)
	if err != nil {
		b.Close()
		return nil, err
	}
	return kafkaRoad{b.Publisher().(*kafka.Publisher), b, cfg, in.Partitions}, nil
}

func (r kafkaRoad) Log(partition int) broker.Log { return r.b.Log(partition) }

func (r kafkaRoad) partitions() int { return r.count }

func (r kafkaRoad) stored(ctx context.Context, partition int) (uint64, error) {
	return r.Log(partition).InputEnd(ctx)
}

func (r kafkaRoad) signals(ctx context.Context, hand func(*riskdv1.Signal)) error {
	last, err := r.b.LastSignal(ctx)
	if err != nil {
		return err
	}
	s, err := r.b.OpenSignals(last + 1)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		got, err := s.Take(ctx)
		if err != nil {
			return err
		}
		for _, p := range got {
			if p.Signal != nil {
				hand(p.Signal)
			}
		}
	}
}

func (r kafkaRoad) repeat(ctx context.Context, ev *riskdv1.Event) error {
	_, err := r.Publish(ctx, ev)
	return err
}

func (r kafkaRoad) raw(ctx context.Context, tenant, user, contentType string, data []byte) error {
	return r.Raw(ctx, tenant, user, contentType, data)
}

func (r kafkaRoad) app(opts ...sdk.Option) (*sdk.Client, error) {
	return sdkkafka.Connect(sdkkafka.Config{Brokers: r.cfg.Brokers, Prefix: r.cfg.Prefix, Partitioner: r.cfg.Partitioner}, appSource, opts...)
}

func (r kafkaRoad) close() { r.b.Close() }
