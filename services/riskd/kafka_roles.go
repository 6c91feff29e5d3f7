package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/adaptive"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/services/console"
	"github.com/riskd-io/riskd/services/gateway"
	"github.com/riskd-io/riskd/services/scorer"
	"github.com/riskd-io/riskd/services/signaler"
	"github.com/riskd-io/riskd/services/sink"
)

// kafkaRole is a worker with the clients it owns.
type kafkaRole struct {
	worker
	b     *kafka.Broker
	nc    *nats.Conn   // nil unless flags are on NATS
	table *kafka.Table // nil unless the role looks up sessions
}

// Run works, then closes the clients.
func (r kafkaRole) Run(ctx context.Context) error {
	defer r.b.Close()
	if r.nc != nil {
		defer r.nc.Close()
	}
	if r.table == nil {
		return r.worker.Run(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = r.table.Run(ctx) }()
	err := r.worker.Run(ctx)
	cancel()
	<-done
	return err
}

// Ready is the worker's word, once the flags are known, unless the brokers are away.
func (r kafkaRole) Ready() error {
	if err := r.b.Ready(); err != nil {
		return err
	}
	if r.table != nil {
		if err := r.table.Ready(); err != nil {
			return err
		}
	}
	return r.worker.Ready()
}

// openKafkaRole opens the clients and hands them to build; they are closed when that fails. flags is nil unless they are on NATS.
func (a *app) openKafkaRole(ctx context.Context, name string, build func(r *kafkaRole, flags *natsjs.Broker) error) (service.Runner, error) {
	b, err := kafka.New(a.cfg.Kafka, "riskd "+name, a.roleLog(name))
	if err != nil {
		return nil, err
	}
	r := &kafkaRole{b: b}
	if _, err = b.Open(ctx); err == nil {
		var flags *natsjs.Broker
		if a.cfg.flagsOnNATS() && (name == Scorer || name == Signaler || name == Gateway) {
			flags, err = a.natsFlags(ctx, r, name)
		}
		if err == nil {
			err = build(r, flags)
		}
	}
	if err != nil {
		b.Close()
		if r.nc != nil {
			r.nc.Close()
		}
		return nil, err
	}
	return *r, nil
}

func (a *app) natsFlags(ctx context.Context, r *kafkaRole, name string) (flags *natsjs.Broker, err error) {
	err = a.patiently(ctx, name, func(context.Context) (err error) { r.nc, err = a.connect(name); return err })
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(r.nc)
	if err != nil {
		return nil, fmt.Errorf("opening jetstream: %w", err)
	}
	flags = natsjs.NewBroker(js)
	_, err = flags.Open(ctx)
	return flags, err
}

func (a *app) kafkaScorer(ctx context.Context) (service.Runner, error) {
	return a.openKafkaRole(ctx, Scorer, func(r *kafkaRole, flags *natsjs.Broker) (err error) {
		var on scorer.Broker = r.b
		if flags != nil {
			on = mixed{r.b, flags}
		}
		r.worker, err = scorer.New(a.scorerConfig(), scorer.Deps{
			Broker: on, Policies: judges{a.policies}, Enricher: a.enricher,
			Sections: func(n int) []scorer.Section { return []scorer.Section{a.enricher.Crowd(n), new(adaptive.State)} },
			Log:      a.roleLog(Scorer), Registry: a.metrics,
		})
		return err
	})
}

func (a *app) kafkaSignaler(ctx context.Context) (service.Runner, error) {
	return a.openKafkaRole(ctx, Signaler, func(r *kafkaRole, flags *natsjs.Broker) (err error) {
		deps := signaler.Deps{Broker: r.b, Publisher: r.b.Publisher(), Log: a.roleLog(Signaler), Registry: a.metrics}
		if flags != nil {
			deps.Broker = flags
		}
		r.worker, err = signaler.New(a.cfg.Signaler, deps)
		return err
	})
}

func (a *app) kafkaGateway(ctx context.Context, deps gateway.Deps) (service.Runner, error) {
	return a.openKafkaRole(ctx, Gateway, func(r *kafkaRole, flags *natsjs.Broker) error {
		if flags == nil {
			r.table = r.b.NewTable()
		} else {
			js, err := jetstream.New(r.nc)
			if err != nil {
				return err
			}
			if deps, err = gateway.OverNATS(ctx, deps, js, a.topology.Partitions); err != nil {
				return err
			}
		}
		served, err := gateway.New(a.cfg.Gateway, gateway.OverKafka(deps, r.b, r.table))
		if err != nil {
			return err
		}
		a.gateway, r.worker = served.Addr(), served
		return nil
	})
}

func (a *app) kafkaConsole(ctx context.Context, deps console.Deps) (service.Runner, error) {
	return a.openKafkaRole(ctx, Console, func(r *kafkaRole, _ *natsjs.Broker) error {
		deps.Policies, deps.Trials = policylog.NewBook(r.b.PolicyLog()), console.NewTrials(a.schema.rows, r.b, a.policies, a.topology.Partitions)
		served, err := console.New(a.cfg.Console, console.OverKafka(deps, r.b, a.topology.Partitions))
		if err != nil {
			return err
		}
		a.console, r.worker = served.Addr(), served
		return nil
	})
}

func (a *app) kafkaSink(ctx context.Context) (service.Runner, error) {
	return a.openKafkaRole(ctx, Sink, func(r *kafkaRole, _ *natsjs.Broker) (err error) {
		r.worker, err = sink.New(a.sinkConfig(), sink.Deps{ClickHouse: a.schema.rows, Native: a.schema.native, Journal: r.b.Reader(), Prepare: a.schema.Wait,
			Policies: r.b.PolicyLog(), Notices: r.b, Log: a.roleLog(Sink), Metrics: a.metrics})
		return err
	})
}
