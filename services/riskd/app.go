package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/service"
)

// app holds what the parts hand to each other. Parts open one after another, so nothing here is
// written while it is read.
type app struct {
	cfg     *Config
	log     *slog.Logger
	out     io.Writer
	metrics *prometheus.Registry
	process *service.Process

	admin    *service.Admin
	server   *natsjs.Embedded // nil with a server of yours
	topology natsjs.Topology
	engine   *engine.Engine // nil with a database of yours
	schema   *schemaKeeper
	enricher *enrich.Enricher
	policies *policylog.Keeper
	gateway  string // host:port, once bound
	console  string
}

func newApp(cfg *Config, log *slog.Logger, out io.Writer) *app {
	return &app{cfg: cfg, log: log, out: out, metrics: prometheus.NewRegistry()}
}

// run starts the parts, says where everything is, and works until ctx ends or a part fails.
func (a *app) run(ctx context.Context) error {
	if err := os.MkdirAll(a.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	err := errors.Join(
		a.metrics.Register(collectors.NewGoCollector()),
		a.metrics.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
		service.ReadBuild().Register(a.metrics),
	)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	stopProfiling, err := service.StartProfiling(a.cfg.PyroscopeURL, "riskd", map[string]string{"target": fmt.Sprint(a.cfg.Targets)}, a.log)
	if err != nil {
		return err
	}
	defer stopProfiling()

	// The admin endpoint is first in the list, so that a slow start can be watched.
	if a.process, err = service.NewProcess(needs, a.parts(), append([]string{Admin}, a.cfg.Targets...), a.log, 0); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- a.process.Run(ctx) }()
	select {
	case <-a.process.Started():
		a.summary(ctx)
		return <-ended
	case err := <-ended:
		return err
	}
}

// parts says how each part is opened.
func (a *app) parts() map[string]service.Open {
	return map[string]service.Open{
		Admin:      a.openAdmin,
		Broker:     a.openBroker,
		Database:   a.openDatabase,
		Schema:     a.openSchema,
		Enrichment: a.openEnrichment,
		Policies:   a.openPolicies,
		Scorer:     a.openScorer,
		Signaler:   a.openSignaler,
		Sink:       a.openSink,
		Console:    a.openConsole,
		Gateway:    a.openGateway,
	}
}

func (a *app) openAdmin(context.Context) (_ service.Runner, err error) {
	a.admin, err = service.OpenAdmin(a.cfg.Admin, "admin-listen", a.metrics, a.process.Checks, a.log)
	return a.admin, err
}

// connect opens a connection for one role, so that a slow reader in one cannot hold up another.
func (a *app) connect(role string) (*nats.Conn, error) {
	name := "riskd " + role
	if a.server != nil {
		return a.server.Connect(name)
	}
	var opts []nats.Option
	if a.cfg.NATS.Creds != "" {
		opts = append(opts, nats.UserCredentials(a.cfg.NATS.Creds))
	}
	return natsjs.Connect(a.cfg.NATS.URL.Reveal(), name, opts...)
}

// roleLog marks each line with its role.
func (a *app) roleLog(role string) *slog.Logger { return a.log.With("role", role) }
