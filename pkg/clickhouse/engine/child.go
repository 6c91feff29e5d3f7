//go:build unix

package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/bridge"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// ChildOptions are for [RunChild].
type ChildOptions struct {
	// Log gets the child's words. Default: text on standard error.
	Log *slog.Logger
}

const (
	// grace is how long running statements may go on when the child is asked to stop.
	grace = 3 * time.Second
	// drainIdle is how long open connections may stay after that.
	drainIdle = 500 * time.Millisecond
)

// RunChild is the whole life of the child process: `riskd engine` calls it, and an [Engine]
// in the parent starts that. It serves until the context ends, the parent's pipe closes or a
// termination signal comes, and returns nil then. It is of no use when called by hand.
func RunChild(ctx context.Context, options ChildOptions) error {
	log := options.Log
	if log == nil {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	log = log.With("process", "clickhouse-engine")
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()

	reports := os.NewFile(reportFile, "reports")
	if _, err := reports.Stat(); err != nil {
		return fmt.Errorf("this command is started by riskd itself, not by hand: %w", err)
	}
	defer reports.Close()
	err := serveChild(ctx, reports, log)
	if err != nil {
		last := report{Failure: err.Error()}
		if used, ok := errors.AsType[*PathInUseError](err); ok {
			last.PathHolder = used.PID
		}
		if err := last.write(reports); err != nil {
			log.Error("the parent could not be told why the engine stops", "error", err)
		}
	}
	return err
}

func serveChild(ctx context.Context, reports *os.File, log *slog.Logger) error {
	inherited := os.NewFile(listenerFile, "listener")
	listener, err := net.FileListener(inherited)
	if err != nil {
		return fmt.Errorf("taking over the listener: %w", err)
	}
	defer listener.Close()
	if err := inherited.Close(); err != nil {
		return fmt.Errorf("taking over the listener: %w", err)
	}
	stdin, err := takeStdin()
	if err != nil {
		return err
	}
	input := bufio.NewReaderSize(stdin, maxLine)
	told, err := readOrder(input)
	if err != nil {
		return err
	}
	ctx, orphaned := context.WithCancel(ctx)
	defer orphaned()
	go func() { // lives as long as the process: it waits for the parent's end
		_, _ = io.Copy(io.Discard, input)
		orphaned()
	}()

	lock, err := lockPath(told.Path)
	if err != nil {
		return err
	}
	defer lock.Close()
	connect, keeper, err := boot(told)
	if err != nil {
		return err
	}
	defer keeper.Close() // the last one: the engine stops with it
	cfg := bridge.DefaultConfig()
	cfg.User, cfg.Password, cfg.MaxQueries = User, told.Password, told.MaxQueries
	cfg.Reader, cfg.ReaderPassword, cfg.ReaderSettings = Analyst, told.Analyst, analystSettings()
	front, err := bridge.New(cfg, bridge.Deps{Connect: connect, Log: log})
	if err != nil {
		return err
	}
	server := newServer(front, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	version, err := keeper.Text("SELECT version()")
	if err == nil {
		err = report{Ready: true, Version: version}.write(reports)
	}
	if err == nil {
		err = live(ctx, front, reports, served, log)
	}
	// New requests are refused at once; running ones get the grace.
	graceful, over := context.WithTimeout(context.Background(), grace)
	defer over()
	// When that is over, a client in the middle of an upload is cut off.
	defer context.AfterFunc(graceful, func() { _ = server.Close() })()
	front.Close(graceful)
	idle, idleOver := context.WithTimeout(context.Background(), drainIdle)
	defer idleOver()
	if server.Shutdown(idle) != nil {
		_ = server.Close() // connections that linger have nothing to wait for
	}
	return err
}

// takeStdin moves standard input out of the engine's sight, which reads data from there in
// some statements.
func takeStdin() (*os.File, error) {
	moved, err := syscall.Dup(0)
	if err != nil {
		return nil, fmt.Errorf("moving standard input: %w", err)
	}
	syscall.CloseOnExec(moved)
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("moving standard input: %w", err)
	}
	defer nothing.Close()
	if err := dup2(int(nothing.Fd()), 0); err != nil {
		return nil, fmt.Errorf("moving standard input: %w", err)
	}
	return os.NewFile(uintptr(moved), "stdin"), nil
}

// boot loads the engine and opens the data. The keeper keeps the engine running when no
// request has a connection.
func boot(told order) (connect func() (*chdb.Conn, error), keeper *chdb.Conn, err error) {
	arguments, err := engineArguments(told.Path, told.MemoryRatio, told.Memory)
	if err != nil {
		return nil, nil, err
	}
	library, err := chdb.Open(told.Library)
	if err != nil {
		return nil, nil, err
	}
	connect = func() (*chdb.Conn, error) { return library.Connect(arguments...) }
	keeper, err = connect()
	if err != nil {
		return nil, nil, fmt.Errorf("opening the data in %s: %w", told.Path, err)
	}
	if err := keeper.Exec("CREATE DATABASE IF NOT EXISTS `" + told.Database + "`"); err != nil {
		keeper.Close()
		return nil, nil, fmt.Errorf("creating the database: %w", err)
	}
	return connect, keeper, nil
}

// live gives signs of life until it is time to stop.
func live(ctx context.Context, front *bridge.Bridge, reports *os.File, served <-chan error, log *slog.Logger) error {
	tick := time.NewTicker(statsInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return fmt.Errorf("serving: %w", err)
		case <-tick.C:
			if err := front.Check(); err != nil {
				// Short of memory, perhaps; the parent counts the missing signs of life.
				log.Warn("the ClickHouse engine does not answer", "error", err)
				continue
			}
			stats := front.Stats()
			if err := (report{Stats: &stats}).write(reports); err != nil {
				return nil //nolint:nilerr // the parent has gone: time to stop
			}
		}
	}
}
