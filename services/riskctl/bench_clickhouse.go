//go:build unix

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/service"
	storybench "github.com/riskd-io/riskd/pkg/story/bench"
)

func init() { commands = append(commands, benchClickHouseCommand) }

var benchClickHouseCommand = &command{
	name: "bench-clickhouse", short: "load millions of decisions and time every question analysts ask",
	long: `
Starts a ClickHouse engine of its own in a temporary folder (or takes the empty database of -clickhouse-dsn), loads
decisions with all that hangs on them the way the sink does (native blocks, tokens, all views), and asks every named
question cold and warm: at a tenth of the rows and at all of them. 100 million decisions need about 15 GiB of disk.

  riskctl bench-clickhouse -rows 20000000
  riskctl bench-clickhouse -rows 100000000 -keep /var/tmp/bench   # go on with it later, or ask again

The last line is for scripts; with -strict the exit code is 1 when a target is missed.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var db databaseFlags
		db.bind(fs)
		cfg := storybench.DefaultConfig()
		fs.Uint64Var(&cfg.Rows, "rows", cfg.Rows, "how many decisions to load")
		fs.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "how often each question is asked warm")
		fs.IntVar(&cfg.Days, "days", cfg.Days, "days they are spread over")
		fs.Uint64Var(&cfg.Chunk, "chunk", cfg.Chunk, "how many decisions one insert makes")
		fs.IntVar(&cfg.Writers, "writers", cfg.Writers, "how many inserts run at once")
		fs.BoolVar(&cfg.Copied, "copied", false, "make only the newest tenth row by row, the rest as copies of it inside the engine, moved in time: much faster")
		fs.StringVar(&cfg.Only, "only", "", "ask only the questions whose `name` holds this")
		fs.DurationVar(&cfg.Limit, "limit", 0, "`time` after which loading ends, with the rows that are there by then; 0: all of them")
		fs.StringVar(&cfg.Phase, "phase", "", "load: do not ask; ask: load nothing more; empty: both")
		keep := fs.String("keep", "", "`folder` of the engine's data, which stays and is gone on with; empty: a temporary one")
		strict := fs.Bool("strict", false, "exit 1 when a target is missed")
		return func(ctx context.Context, std streams, _ []string) (err error) {
			if err := cfg.Validate(); err != nil {
				return &exit{exitUsage, err}
			}
			dsn := db.dsn.Reveal()
			if dsn == "" {
				var stop func() error
				if dsn, stop, err = ownEngine(ctx, db.data, *keep, std); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, stop()) }()
			}
			opts, err := clickhouse.ParseDSN(dsn)
			if err != nil {
				return usageError("-clickhouse-dsn: %s does not parse", service.RedactURL(dsn))
			}
			opts.ReadTimeout = time.Hour // one insert of a large chunk
			quiet := slog.New(slog.NewTextHandler(discard{}, nil))
			if _, err := migrate.Up(ctx, opts, migrate.DefaultConfig(), quiet); err != nil {
				return err
			}
			res, err := storybench.Run(ctx, cfg, opts, std.out)
			if err != nil {
				return err
			}
			if cfg.Phase == "load" {
				return nil
			}
			fmt.Fprintln(std.out, res.Line())
			if *strict && !res.OK {
				return errors.New("a target is missed; the lines marked MISSED say which")
			}
			return nil
		}
	},
}

// ownEngine is an engine that nobody else uses. Without a folder to keep it has a new one, made in the data folder (which
// has the room for what riskd stores), and stop removes it.
func ownEngine(ctx context.Context, data, keep string, std streams) (dsn string, stop func() error, err error) {
	cfg := engine.DefaultConfig(data)
	cfg.Memory = service.Memory()
	if _, err := os.Stat(cfg.Library); err != nil {
		return "", nil, fmt.Errorf("the ClickHouse engine: %w; make setup fetches it, or name a -clickhouse-dsn", err)
	}
	// The library may be a relative path; the child has another folder.
	if cfg.Library, err = filepath.Abs(cfg.Library); err != nil {
		return "", nil, err
	}
	folder, remove := keep, func() error { return nil }
	if keep == "" {
		if folder, err = os.MkdirTemp(data, "bench-*"); err != nil {
			return "", nil, err
		}
		remove = func() error { return os.RemoveAll(folder) }
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", nil, err
	}
	cfg.Path, cfg.PasswordFile, cfg.Listen = filepath.Join(folder, "clickhouse"), filepath.Join(folder, "password"), "127.0.0.1:0"
	e, err := engine.New(cfg, engine.Deps{Log: slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: slog.LevelWarn})), Output: std.err})
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	// The engine outlives a ctrl-c until the bench has stopped asking it.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- e.Run(running) }()
	stop = func() error {
		cancel()
		return errors.Join(<-done, remove())
	}
	for e.Ready() != nil {
		select {
		case err := <-done:
			cancel()
			return "", nil, errors.Join(err, remove())
		case <-ctx.Done():
			return "", nil, errors.Join(ctx.Err(), stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return e.DSN(), stop, nil
}

// engineChild is the whole life of the process that temporaryEngine starts.
func engineChild() int {
	if err := engine.RunChild(context.Background(), engine.ChildOptions{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitError
	}
	return exitOK
}
