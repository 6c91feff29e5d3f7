package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/bridge"
	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/policylog"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

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
