//go:build unix

// Package enginetest gives tests the real ClickHouse engine: one child process per test binary, a
// database of its own for each test.
//
// It is for tests only. A test binary calls [Main] from its TestMain; where the engine's library is
// not installed, tests that ask for a database fail and say what to do (RISKD_SKIP_ENGINE=1 skips them).
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

var (
	shared *engine.Engine
	absent error // why there is no engine
	number atomic.Int64
)

// Main is TestMain's body: it is the engine's child when it is called as one, else it runs the tests
// beside an engine, looks for goroutines left behind, and returns the exit code.
func Main(m *testing.M, options ...goleak.Option) int {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		if err := engine.RunChild(context.Background(), engine.ChildOptions{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	stop, err := start()
	if err != nil {
		absent = err
		fmt.Fprintln(os.Stderr, "no ClickHouse engine:", err)
	}
	code := m.Run()
	if stop != nil {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the engine:", err)
			code = 1
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

func start() (stop func() error, err error) {
	directory, err := os.MkdirTemp("", "riskd-engine-*")
	if err != nil {
		return nil, err
	}
	cfg := engine.DefaultConfig(directory)
	cfg.Listen = "127.0.0.1:0"
	cfg.RestartMin = 50 * time.Millisecond
	if os.Getenv("RISKD_LIBCHDB") == "" {
		cfg.Library = library()
	}
	e, err := engine.New(cfg, engine.Deps{Log: Quiet(), Output: os.Stderr})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	end := func() error {
		cancel()
		return errors.Join(<-done, os.RemoveAll(directory))
	}
	for deadline := time.Now().Add(30 * time.Second); e.Ready() != nil; {
		select {
		case err := <-done:
			cancel()
			return nil, errors.Join(err, os.RemoveAll(directory))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(e.Ready(), end())
		}
	}
	shared = e
	return end, nil
}

// library walks up to the repository's data directory, where set-up puts the engine.
func library() string {
	directory, err := os.Getwd()
	if err != nil {
		return "libchdb.so"
	}
	for ; ; directory = filepath.Dir(directory) {
		path := filepath.Join(directory, ".riskd", "engine", "libchdb.so")
		if _, err := os.Stat(path); err == nil || directory == filepath.Dir(directory) {
			return path
		}
	}
}

// Quiet is a logger that says nothing.
func Quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// Engine is the engine itself, to be killed and watched. Without one the test fails, so that nobody
// takes a run without the engine for a proof; RISKD_SKIP_ENGINE=1 (make unit) skips it instead.
func Engine(t testing.TB) *engine.Engine {
	t.Helper()
	if shared == nil {
		if os.Getenv("RISKD_SKIP_ENGINE") == "1" {
			t.Skipf("RISKD_SKIP_ENGINE=1: %v", absent)
		}
		t.Fatalf("needs the ClickHouse engine: run make setup, or set RISKD_SKIP_ENGINE=1 to leave it out: %v", absent)
	}
	return shared
}

// Options lead to a database that no other test uses. It is not made.
func Options(t testing.TB) *clickhouse.Options {
	t.Helper()
	opt, err := clickhouse.ParseDSN(Engine(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	opt.Auth.Database = "t" + strconv.FormatInt(number.Add(1), 10)
	return opt
}

// Open connects for the time of the test.
func Open(t testing.TB, opt *clickhouse.Options) driver.Conn {
	t.Helper()
	o := *opt
	conn, err := clickhouse.Open(&o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}
