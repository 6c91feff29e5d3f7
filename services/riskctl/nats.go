package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/bridge"
	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/policylog"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

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
