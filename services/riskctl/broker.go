package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/bridge"
	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/policylog"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// brokerFlags say how to reach riskd's broker.
type brokerFlags struct {
	url, creds string
	kafka      string
	ca         string
	cert, key  string
}

func bindBroker(fs *flag.FlagSet, n *brokerFlags) {
	fs.StringVar(&n.url, "nats-url", "nats://127.0.0.1:4222", "riskd's NATS `server`")
	fs.StringVar(&n.creds, "nats-creds", "", "credentials `file` for it")
	fs.StringVar(&n.kafka, "broker", "", "riskd's Kafka in place of NATS: kafka://[user:password@]host:port[?sasl=...&tls=true&prefix=...], as with riskd")
	fs.StringVar(&n.ca, "kafka-ca", "", "PEM `file` with whom to trust beside the system's authorities")
	fs.StringVar(&n.cert, "kafka-cert", "", "PEM `file` with our certificate")
	fs.StringVar(&n.key, "kafka-key", "", "PEM `file` with its key")
}

// installation is a running riskd, as the commands meet it on its broker.
type installation struct {
	partitions int
	broker.Logs
	publisher func() (broker.Publisher, error)
	policies  func(context.Context) (policylog.Log, error)
	// identity is whom the broker has authenticated, such as nats:ann; "": it asks nobody.
	identity func(context.Context) string
	// signals visits what is stored since then, and what comes, until visit wants no more. Zero means only what comes.
	signals func(ctx context.Context, since time.Time, tenant string, visit func(*riskdv1.Signal) (more bool, err error)) error
	close   func()
	// bridge is the input as the target of a bridge; positions keep how far one has read here. name tells bridges apart.
	bridge    func() (bridge.Target, error)
	positions func(ctx context.Context, name string) (bridge.Positions, error)
}

// last is the newest record of a partition.
func (i *installation) last(ctx context.Context, partition int) (journal.Stored, bool, error) {
	return i.Log(partition).Last(ctx)
}

// onKafka tells Kafka from NATS.
func (n *brokerFlags) onKafka() bool { return strings.HasPrefix(n.kafka, "kafka://") }

// open connects as riskctl and what it does.
func (n *brokerFlags) open(ctx context.Context, what string) (*installation, error) {
	switch {
	case n.onKafka():
		return n.openKafka(ctx, "riskctl "+what)
	case n.kafka != "" && n.kafka != "nats":
		return nil, usageError("-broker: want kafka://host:port")
	}
	return n.openNATS(ctx, "riskctl "+what)
}

func (n *brokerFlags) openNATS(ctx context.Context, name string) (*installation, error) {
	var opts []nats.Option
	if n.creds != "" {
		opts = append(opts, nats.UserCredentials(n.creds))
	}
	nc, err := natsjs.Connect(n.url, name, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w; is riskd running there? (-nats-url, RISKD_NATS_URL)", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("opening jetstream: %w", err)
	}
	partitions, err := natsjs.Partitions(ctx, js)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("%s: %w; is riskd running there?", n.url, err)
	}
	return &installation{
		partitions: partitions, Logs: natsjs.NewBroker(js), close: nc.Close,
		bridge: func() (bridge.Target, error) {
			cfg := natsjs.DefaultPublisherConfig()
			cfg.Via = true
			return natsjs.NewPublisher(nc, partitions, cfg)
		},
		positions: func(ctx context.Context, name string) (bridge.Positions, error) { return bridge.OnNATS(ctx, js, name) },
		publisher: func() (broker.Publisher, error) {
			return natsjs.NewPublisher(nc, partitions, natsjs.DefaultPublisherConfig())
		},
		policies: func(ctx context.Context) (policylog.Log, error) { return natsjs.OpenPolicyLog(ctx, js) },
		identity: func(ctx context.Context) string { return natsUser(ctx, nc) },
		signals: func(ctx context.Context, since time.Time, tenant string, visit func(*riskdv1.Signal) (bool, error)) error {
			return natsSignals(ctx, js, since, tenant, visit)
		},
	}, nil
}

// kafkaWait bounds finding the installation on Kafka.
const kafkaWait = 8 * time.Second

func (n *brokerFlags) openKafka(ctx context.Context, name string) (*installation, error) {
	cfg, err := kafka.DefaultConfig().ParseURL(n.kafka)
	if err == nil {
		cfg.CA, cfg.Cert, cfg.Key = n.ca, n.cert, n.key
		err = cfg.Validate()
	}
	if err != nil {
		return nil, usageError("-broker: %w", err)
	}
	b, err := kafka.New(cfg, name, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return nil, usageError("-broker: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, kafkaWait)
	defer cancel()
	in, err := b.Open(wait)
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("%s: %w; is riskd running there?", strings.Join(cfg.Brokers, ","), err)
	}
	var copies *kafka.Publisher
	return &installation{
		partitions: in.Partitions, Logs: b,
		close: func() {
			if copies != nil {
				copies.Close()
			}
			b.Close()
		},
		bridge: func() (_ bridge.Target, err error) {
			copies, err = b.NewBridge()
			return copies, err
		},
		positions: func(_ context.Context, name string) (bridge.Positions, error) { return b.Positions(name), nil },
		publisher: func() (broker.Publisher, error) { return b.Publisher(), nil },
		policies:  func(context.Context) (policylog.Log, error) { return b.PolicyLog(), nil },
		identity: func(context.Context) string { // a broker that took the password, or the certificate, knows whose it is
			if cfg.User != "" {
				return "kafka:" + cfg.User
			}
			return ""
		},
		signals: func(ctx context.Context, since time.Time, tenant string, visit func(*riskdv1.Signal) (bool, error)) error {
			return kafkaSignals(ctx, b, since, tenant, visit)
		},
	}, nil
}

// identityWait bounds asking the server who we are.
const identityWait = 2 * time.Second

// natsUser asks the server whom it took us for. One that asks nobody answers without a user, or not at all.
func natsUser(ctx context.Context, nc *nats.Conn) string {
	ctx, cancel := context.WithTimeout(ctx, identityWait)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, "$SYS.REQ.USER.INFO", nil)
	if err != nil {
		return ""
	}
	var info struct {
		Data struct {
			User string `json:"user"`
		} `json:"data"`
	}
	if json.Unmarshal(m.Data, &info) != nil || info.Data.User == "" {
		return ""
	}
	return "nats:" + info.Data.User
}

func natsSignals(ctx context.Context, js jetstream.JetStream, since time.Time, tenant string, visit func(*riskdv1.Signal) (bool, error)) error {
	filter := subject.Signals + ".>"
	if tenant != "" {
		filter = subject.Signals + "." + subject.Token(tenant) + ".*"
	}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverNewPolicy}
	if !since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	consumer, err := js.OrderedConsumer(ctx, subject.SignalsStream, cfg)
	if err != nil {
		return err
	}
	msgs, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer msgs.Stop()
	stop := context.AfterFunc(ctx, msgs.Stop)
	defer stop()
	for {
		m, err := msgs.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		sig := new(riskdv1.Signal)
		if sig.UnmarshalVT(m.Data()) != nil {
			sig = nil
		}
		if more, err := visit(sig); err != nil || !more {
			return err
		}
	}
}

func kafkaSignals(ctx context.Context, b *kafka.Broker, since time.Time, tenant string, visit func(*riskdv1.Signal) (bool, error)) error {
	from := uint64(1)
	if since.IsZero() {
		last, err := b.LastSignal(ctx)
		if err != nil {
			return err
		}
		from = last + 1
	}
	r, err := b.OpenSignals(from)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		got, err := r.Take(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, s := range got {
			if s.Stored.Before(since) || s.Signal != nil && tenant != "" && s.Signal.TenantId != tenant {
				continue
			}
			if more, err := visit(s.Signal); err != nil || !more {
				return err
			}
		}
	}
}
