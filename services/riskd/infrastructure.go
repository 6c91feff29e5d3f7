package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
)

// openBroker starts the embedded server or greets yours, and makes sure of the streams.
func (a *app) openBroker(ctx context.Context) (service.Runner, error) {
	if a.cfg.onKafka() {
		return a.greetKafka(ctx)
	}
	if a.cfg.NATS.URL != "" {
		return a.greetBroker(ctx)
	}
	server, err := natsjs.StartEmbedded(a.cfg.NATS.Embedded, a.log)
	if taken := new(natsjs.PortTakenError); errors.As(err, &taken) {
		return nil, service.ListenError(taken.Err, taken.Addr, "nats-listen")
	}
	if err != nil {
		return nil, err
	}
	if a.topology, err = server.Setup(ctx, a.cfg.NATS.Topology); err != nil {
		server.Stop()
		return nil, err
	}
	a.server = server
	return service.RunFunc(func(ctx context.Context) error {
		<-ctx.Done()
		server.Stop()
		return nil
	}), nil
}

func (a *app) greetBroker(ctx context.Context) (service.Runner, error) {
	return nil, a.patiently(ctx, Broker, func(ctx context.Context) error {
		nc, err := a.connect(Broker)
		if err != nil {
			return err
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return fmt.Errorf("opening jetstream: %w", err)
		}
		topology, err := natsjs.Ensure(ctx, js, a.cfg.NATS.Topology)
		if err != nil {
			return fmt.Errorf("setting up your nats server: %w", err)
		}
		a.topology = topology
		return nil
	})
}

// openDatabase starts the embedded engine. A database of yours needs no start, and may be away.
func (a *app) openDatabase(context.Context) (service.Runner, error) {
	if a.cfg.ClickHouse.DSN != "" {
		return nil, nil
	}
	cfg := a.cfg.ClickHouse.Engine
	cfg.Memory = service.Memory()
	child, err := engine.New(cfg, engine.Deps{Log: a.log, Registerer: a.metrics})
	if err != nil {
		return nil, err
	}
	a.engine = child
	return database{child}, nil
}

// database is the engine, failing over a taken port in the same words as everything else.
type database struct{ *engine.Engine }

func (d database) Run(ctx context.Context) error {
	err := d.Engine.Run(ctx)
	if taken := new(engine.AddressInUseError); errors.As(err, &taken) {
		return service.ListenError(taken.Err, taken.Address, "clickhouse-listen")
	}
	return err
}

// enginePoll is how often a starting engine is asked whether it is ready.
const enginePoll = 20 * time.Millisecond

// dsn waits for the embedded engine, whose port may be known only then, and says where the
// database is.
func (a *app) dsn(ctx context.Context) (service.Secret, error) {
	if a.engine == nil {
		return a.cfg.ClickHouse.DSN, nil
	}
	for a.engine.Ready() != nil {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for the ClickHouse engine: %w", ctx.Err())
		case <-time.After(enginePoll):
		}
	}
	return service.Secret(a.engine.DSN()), nil
}

// schemaRetry is how often an absent database is tried again, at most.
const schemaRetry = 10 * time.Second

// schemaKeeper brings the database to the schema in the background: a database that is down must
// not keep the scorer from working.
type schemaKeeper struct {
	options *clickhouse.Options
	rows    driver.Conn    // shared by those who need the schema, and closed after them
	native  *native.Client // the sink's way to the same server; nil where it is not plain HTTP
	cfg     migrate.Config
	log     *slog.Logger
	there   chan struct{}         // closed once the schema is in place
	fault   atomic.Pointer[error] // what keeps it away, for Ready
}

// openSchema opens the connections, which dial when they are used, and keeps the schema.
func (a *app) openSchema(ctx context.Context) (service.Runner, error) {
	dsn, err := a.dsn(ctx)
	if err != nil {
		return nil, err
	}
	options, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	rows, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	// Over TLS, the native protocol, several hosts or with compression, clickhouse-go sends the batches too.
	var blocks *native.Client
	if options.Compression == nil || options.Compression.Method == clickhouse.CompressionNone {
		if blocks, err = native.New(options); err != nil && !errors.Is(err, native.ErrProtocol) {
			return nil, errors.Join(fmt.Errorf("opening the database: %w", err), rows.Close())
		}
	}
	a.schema = &schemaKeeper{options: options, rows: rows, native: blocks, cfg: a.cfg.ClickHouse.Migrate, log: a.log, there: make(chan struct{})}
	return a.schema, nil
}

// Wait returns when the schema is in place, or with ctx's error.
func (k *schemaKeeper) Wait(ctx context.Context) error {
	select {
	case <-k.there:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the database schema: %w", ctx.Err())
	}
}

// Ready says what keeps the schema away.
func (k *schemaKeeper) Ready() error {
	select {
	case <-k.there:
		return nil
	default:
	}
	if fault := k.fault.Load(); fault != nil {
		return *fault
	}
	return errors.New("not applied yet")
}

// Run tries until the schema is there, then waits for the end. A schema that another riskd made
// in another way does not go away by waiting: it stops the process.
func (k *schemaKeeper) Run(ctx context.Context) error {
	defer k.rows.Close()
	if k.native != nil {
		defer k.native.Close()
	}
	for wait := time.Second; ; wait = min(2*wait, schemaRetry) {
		report, err := migrate.Up(ctx, k.options, k.cfg, k.log)
		if err == nil {
			k.log.Info("database schema is in place", "version", report.Version, "applied", len(report.Applied))
			close(k.there)
			<-ctx.Done()
			return nil
		}
		var edited *migrate.EditedError
		var layout *migrate.LayoutError
		if errors.As(err, &edited) || errors.As(err, &layout) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		k.fault.Store(&err)
		k.log.Warn("database schema could not be applied, trying again", "in", wait, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// parseDSN reads a DSN without ever putting it into an error.
func parseDSN(dsn service.Secret) (*clickhouse.Options, error) {
	options, err := clickhouse.ParseDSN(dsn.Reveal())
	if err != nil {
		return nil, errors.New("-clickhouse-dsn is not a ClickHouse address: want clickhouse://user:password@host:9000/risk or http://user:password@host:8123/risk")
	}
	return options, nil
}

// openEnrichment opens the geo files and follows their changes.
func (a *app) openEnrichment(context.Context) (service.Runner, error) {
	cfg := a.cfg.Geo
	cfg.Log = a.log
	enricher, err := enrich.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.metrics.Register(enricher); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	a.enricher = enricher
	return enricher, nil
}
