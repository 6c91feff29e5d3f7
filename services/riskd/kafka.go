package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/service"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What -broker and -flags take.
const (
	onNATS  = "nats"
	onKafka = "kafka"
)

// onKafka says whether events, journal and state are on Kafka.
func (c *Config) onKafka() bool { return c.Broker == onKafka }

// flagsOnNATS says whether flags and signals go to NATS although events are on Kafka.
func (c *Config) flagsOnNATS() bool { return c.onKafka() && c.Flags == onNATS }

// settleKafka reads -broker=kafka://... and what the clients need.
func (c *Config) settleKafka() error {
	c.Kafka.Password, c.Kafka.Partitions = c.KafkaPassword.Reveal(), c.NATS.Topology.Partitions
	if url := c.BrokerURL.Reveal(); strings.HasPrefix(url, "kafka://") {
		parsed, err := c.Kafka.ParseURL(url)
		if err != nil {
			return fmt.Errorf("-broker: %w", err)
		}
		c.Kafka, c.Broker = parsed, onKafka
	} else {
		c.Broker = url
	}
	if !slices.Contains([]string{onNATS, onKafka}, c.Broker) {
		return fmt.Errorf("-broker: want %s, %s, or kafka://host:port", onNATS, onKafka)
	}
	if c.Flags != "" && c.Flags != onNATS {
		return fmt.Errorf("-flags: want nothing (where the events are) or %s", onNATS)
	}
	if c.onKafka() {
		return c.Kafka.Validate()
	}
	return nil
}

// greetKafka makes sure of the topics, and of the streams for flags when those are on NATS.
func (a *app) greetKafka(ctx context.Context) (service.Runner, error) {
	err := a.patiently(ctx, Broker, func(ctx context.Context) error {
		b, err := kafka.New(a.cfg.Kafka, "riskd "+Broker, a.log)
		if err != nil {
			return err
		}
		defer b.Close()
		a.topology.Partitions, err = b.Ensure(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("setting up your kafka cluster: %w", err)
	}
	if a.cfg.flagsOnNATS() {
		partitions := a.topology.Partitions
		if _, err := a.greetBroker(ctx); err != nil {
			return nil, err
		}
		a.topology.Partitions = partitions
	}
	return nil, nil
}

// mixed is Kafka with the flags on NATS.
type mixed struct {
	*kafka.Broker
	flags *natsjs.Broker
}

// Outlet writes flags and signals to NATS after the record, beside those in its transaction. Dead letters stay on Kafka.
func (m mixed) Outlet() broker.Outlet { return flagsOnly{m.flags.Outlet()} }

type flagsOnly struct{ broker.Outlet }

// Tell is that of the flags' outlet.
func (f flagsOnly) Tell(ctx context.Context, words []broker.Word) []broker.Told {
	return f.Outlet.(broker.Teller).Tell(ctx, words)
}

func (m mixed) Flag(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (bool, error) {
	return m.flags.Flag(ctx, sig, pos)
}

func (flagsOnly) Dead(context.Context, int, *riskdv1.JournalEntry) error { return nil }
