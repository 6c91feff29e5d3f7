// Package migrate brings a ClickHouse database to riskd's schema: it renders the numbered files of
// schemas/clickhouse for one server or for a cluster, applies those that are missing, in order, and
// adjusts retention to the configuration.
//
// It never rolls back, never drops, and never edits rows. ClickHouse has no transactions for DDL, so
// safety comes from the files instead: each statement is harmless when it runs twice, or twice at
// once. A file counts as applied when all of its statements have run; a crash in between repeats it.
//
// Up holds no state between calls and is safe to call from several processes at once.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	schema "github.com/riskd-io/riskd/schemas/clickhouse"
)

// Report says what Up found and did.
type Report struct {
	// Applied are the files this call ran, in order. Empty when there was nothing to do.
	Applied []string
	// Version is the number of the last file known to this program.
	Version int
	// Found is the highest number recorded in the database before this call. When it exceeds Version, a
	// newer riskd has been here; the schema only grows, so this program goes on.
	Found int
	// Retention are the tables whose retention was changed to the configured one.
	Retention []string
}

// Up creates the database that opt names when it is missing and applies every schema file that it
// does not have yet. It opens connections of its own from opt, because no connection to a database
// that does not exist yet is usable. It does not retry: a caller that may start before ClickHouse
// calls it again.
//
// Errors: *EditedError, *LayoutError, or a wrapped error of the server.
func Up(ctx context.Context, opt *clickhouse.Options, cfg Config, log *slog.Logger) (Report, error) {
	return up(ctx, opt, cfg, log, schema.Files)
}

func up(ctx context.Context, opt *clickhouse.Options, cfg Config, log *slog.Logger, source fs.FS) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	files, err := load(source)
	if err != nil {
		return Report{}, err
	}
	db := opt.Auth.Database
	if db == "" {
		return Report{}, errors.New("migrating: the ClickHouse DSN names no database, e.g. .../risk")
	}
	if err := createDatabase(ctx, opt, cfg, db); err != nil {
		return Report{}, err
	}
	conn, err := open(opt, db)
	if err != nil {
		return Report{}, err
	}
	defer conn.Close()
	m := &migrator{conn: conn, cfg: cfg, log: log}
	return m.run(ctx, files)
}

// open connects to one database with the caller's options and a small pool.
func open(opt *clickhouse.Options, database string) (driver.Conn, error) {
	o := *opt
	o.Auth.Database = database
	o.MaxOpenConns, o.MaxIdleConns = 2, 1
	conn, err := clickhouse.Open(&o)
	if err != nil {
		return nil, fmt.Errorf("migrating: opening ClickHouse: %w", err)
	}
	return conn, nil
}

func createDatabase(ctx context.Context, opt *clickhouse.Options, cfg Config, db string) error {
	conn, err := open(opt, "default")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quote(db)+cfg.data().OnCluster); err != nil {
		return fmt.Errorf("migrating: creating database %s: %w", db, err)
	}
	return nil
}

type migrator struct {
	conn driver.Conn
	cfg  Config
	log  *slog.Logger
}

func (m *migrator) run(ctx context.Context, files []file) (Report, error) {
	rep := Report{Version: files[len(files)-1].version}
	d := m.cfg.data()
	engine, err := d.Engine("ReplacingMergeTree")
	if err != nil {
		return rep, err
	}
	if err := m.exec(ctx, fmt.Sprintf(recordsDDL, d.OnCluster, engine)); err != nil {
		return rep, fmt.Errorf("migrating: creating schema_migrations: %w", err)
	}
	done, err := m.recorded(ctx)
	if err != nil {
		return rep, err
	}
	for v := range done {
		rep.Found = max(rep.Found, v)
	}
	if rep.Found > rep.Version {
		m.log.Warn("database schema is newer than this program", "schema", rep.Found, "program", rep.Version)
	}
	// All checks come before the first change.
	for _, f := range files {
		if err := m.check(f, done[f.version]); err != nil {
			return rep, err
		}
	}
	for _, f := range files {
		if len(done[f.version]) > 0 {
			continue
		}
		if err := m.apply(ctx, f); err != nil {
			return rep, err
		}
		rep.Applied = append(rep.Applied, f.name)
	}
	if len(rep.Applied) > 0 {
		// Another program may have applied other text under the same number at the same time.
		if done, err = m.recorded(ctx); err != nil {
			return rep, err
		}
		for _, f := range files {
			if err := m.check(f, done[f.version]); err != nil {
				return rep, err
			}
		}
	}
	rep.Retention, err = m.retain(ctx)
	return rep, err
}

func (m *migrator) apply(ctx context.Context, f file) error {
	start := time.Now()
	statements, err := f.render(m.cfg.data())
	if err != nil {
		return err
	}
	for i, s := range statements {
		if err := m.exec(ctx, s); err != nil {
			return fmt.Errorf("migrating: %s, statement %d: %w", f.name, i+1, err)
		}
	}
	host, _ := os.Hostname()
	took := time.Since(start)
	err = m.conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0})),
		"INSERT INTO schema_migrations (version, name, checksum, layout, applied_at, applied_by, took_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
		uint32(f.version), f.name, f.checksum, m.cfg.Layout(), start.UTC(), host+":"+strconv.Itoa(os.Getpid()), uint32(took.Milliseconds()))
	if err != nil {
		return fmt.Errorf("migrating: recording %s: %w", f.name, err)
	}
	m.log.Info("schema file applied", "file", f.name, "took", took)
	return nil
}

func (m *migrator) exec(ctx context.Context, statement string) error {
	return m.conn.Exec(ctx, statement)
}
