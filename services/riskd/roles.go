package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/adaptive"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/services/console"
	"github.com/riskd-io/riskd/services/console/audit"
	"github.com/riskd-io/riskd/services/gateway"
	"github.com/riskd-io/riskd/services/scorer"
	"github.com/riskd-io/riskd/services/signaler"
	"github.com/riskd-io/riskd/services/sink"
)

// worker is what every role is.
type worker interface {
	service.Runner
	service.Readier
}

// role is a worker with the connection it owns: closed when the work is done, and part of its
// readiness.
type role struct {
	worker
	nc *nats.Conn
}

// Run works, then closes the connection.
func (r role) Run(ctx context.Context) error {
	defer r.nc.Close()
	return r.worker.Run(ctx)
}

// Ready is the worker's word, unless the broker is away.
func (r role) Ready() error {
	if !r.nc.IsConnected() {
		return fmt.Errorf("no connection to nats: %s", r.nc.Status())
	}
	return r.worker.Ready()
}

// openRole connects and hands the connection to build; it is closed when that fails. While the broker does not answer, both are
// repeated.
func (a *app) openRole(ctx context.Context, name string, build func(*nats.Conn, jetstream.JetStream) (worker, error)) (opened service.Runner, err error) {
	err = a.patiently(ctx, name, func(context.Context) (err error) {
		opened, err = a.tryRole(name, build)
		return err
	})
	return opened, err
}

func (a *app) tryRole(name string, build func(*nats.Conn, jetstream.JetStream) (worker, error)) (service.Runner, error) {
	nc, err := a.connect(name)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("opening jetstream: %w", err)
	}
	work, err := build(nc, js)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return role{work, nc}, nil
}

func (a *app) openScorer(ctx context.Context) (service.Runner, error) {
	if a.cfg.onKafka() {
		return a.kafkaScorer(ctx)
	}
	return a.openRole(ctx, Scorer, func(_ *nats.Conn, js jetstream.JetStream) (worker, error) {
		return scorer.New(a.scorerConfig(), scorer.Deps{
			Broker: natsjs.NewBroker(js), Policies: judges{a.policies}, Enricher: a.enricher,
			Sections: func(n int) []scorer.Section { return []scorer.Section{a.enricher.Crowd(n), new(adaptive.State)} },
			Log:      a.roleLog(Scorer), Registry: a.metrics,
		})
	})
}

func (a *app) openGateway(ctx context.Context) (service.Runner, error) {
	keys, made, err := gateway.OpenKeys(a.cfg.GatewayKeys)
	if err != nil {
		return nil, fmt.Errorf("-gateway-keys: %w", err)
	}
	if made {
		a.log.Info("made a first API key", "file", filepath.Join(filepath.Dir(a.cfg.GatewayKeys), "gateway.key"))
	}
	deps := gateway.Deps{Keys: keys, Log: a.roleLog(Gateway), Metrics: a.metrics}
	if a.cfg.onKafka() {
		return a.kafkaGateway(ctx, deps)
	}
	return a.openRole(ctx, Gateway, func(_ *nats.Conn, js jetstream.JetStream) (worker, error) {
		deps, err := gateway.OverNATS(ctx, deps, js, a.topology.Partitions)
		if err != nil {
			return nil, err
		}
		served, err := gateway.New(a.cfg.Gateway, deps)
		if err != nil {
			return nil, err
		}
		a.gateway = served.Addr()
		return served, nil
	})
}

func (a *app) openConsole(ctx context.Context) (service.Runner, error) {
	stories, err := story.New(story.DefaultConfig(), a.schema.rows)
	if err != nil {
		return nil, err
	}
	log := a.roleLog(Console)
	book, err := audit.New(audit.Deps{ClickHouse: a.schema.rows, Table: a.cfg.ClickHouse.Migrate.Table("console_audit"), Log: log, Metrics: a.metrics})
	if err != nil {
		return nil, err
	}
	desk, err := a.cfg.desk(log)
	if err != nil {
		return nil, err
	}
	deps := console.Deps{Stories: stories, Audit: book, Desk: desk, Log: log, Metrics: a.metrics}
	if a.cfg.onKafka() {
		return a.kafkaConsole(ctx, deps)
	}
	return a.openRole(ctx, Console, func(_ *nats.Conn, js jetstream.JetStream) (worker, error) {
		deps, err := console.OverNATS(deps, js, a.topology.Partitions)
		if err != nil {
			return nil, err
		}
		log, err := natsjs.OpenPolicyLog(ctx, js)
		if err != nil {
			return nil, err
		}
		deps.Policies, deps.Trials = policylog.NewBook(log), console.NewTrials(a.schema.rows, natsjs.NewBroker(js), a.policies, a.topology.Partitions)
		served, err := console.New(a.cfg.Console, deps)
		if err != nil {
			return nil, err
		}
		a.console = served.Addr()
		return served, nil
	})
}

func (a *app) openSignaler(ctx context.Context) (service.Runner, error) {
	if a.cfg.onKafka() {
		return a.kafkaSignaler(ctx)
	}
	return a.openRole(ctx, Signaler, func(_ *nats.Conn, js jetstream.JetStream) (worker, error) {
		return signaler.New(a.cfg.Signaler, signaler.Deps{Broker: natsjs.NewBroker(js), Log: a.roleLog(Signaler), Registry: a.metrics})
	})
}

func (a *app) openSink(ctx context.Context) (service.Runner, error) {
	if a.cfg.onKafka() {
		return a.kafkaSink(ctx)
	}
	return a.openRole(ctx, Sink, func(_ *nats.Conn, js jetstream.JetStream) (worker, error) {
		cfg := a.sinkConfig()
		policies, err := natsjs.OpenPolicyLog(ctx, js)
		if err != nil {
			return nil, err
		}
		return sink.New(cfg, sink.Deps{
			ClickHouse: a.schema.rows, Native: a.schema.native, Journal: natsjs.NewJournalReader(js), Prepare: a.schema.Wait, Policies: policies,
			Notices: natsjs.NewBroker(js), Log: a.roleLog(Sink), Metrics: a.metrics,
		})
	})
}
