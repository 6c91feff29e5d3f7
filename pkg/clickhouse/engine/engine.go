//go:build unix

// Package engine runs a ClickHouse engine beside riskd, in a child process that serves the
// ClickHouse HTTP interface on loopback. Nothing but the library of the engine has to be installed.
//
// It is for one machine: no native protocol, no replication, one user. A ClickHouse server
// takes its place by naming its DSN instead. An [Engine] lives in the parent; [RunChild] is
// the child. All methods of Engine may be called from any goroutine.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Deps are what an engine needs from outside.
type Deps struct {
	// Log gets starts, stops and crashes. Nil means slog.Default().
	Log *slog.Logger
	// Registerer gets the metrics. Nil means none.
	Registerer prometheus.Registerer
	// Output gets what the child writes to its standard output and error. Nil means this
	// process's standard error.
	Output io.Writer
}

// Engine keeps a child alive.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	output   io.Writer
	password string
	analyst  string // the password of the one who may only read
	metrics  *metrics

	mu      sync.Mutex
	address string
	state   error     // why it is not ready, nil when it is
	life    time.Time // last sign of it
	child   int       // process id, 0 for none
}

// New checks the configuration, makes the password if there is none, and starts nothing.
func New(cfg Config, deps Deps) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("engine configuration: %w", err)
	}
	var err error
	for _, path := range []*string{&cfg.Path, &cfg.Library} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, fmt.Errorf("engine configuration: %w", err)
		}
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		return nil, &NoLibraryError{Path: cfg.Library}
	}
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding this executable: %w", err)
		}
		cfg.Command = []string{self, "engine"}
	}
	secret, err := password(cfg.PasswordFile)
	if err != nil {
		return nil, err
	}
	if cfg.AnalystPasswordFile == "" {
		ending := filepath.Ext(cfg.PasswordFile)
		cfg.AnalystPasswordFile = strings.TrimSuffix(cfg.PasswordFile, ending) + ".analyst" + ending
	}
	analyst, err := password(cfg.AnalystPasswordFile)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cfg: cfg, log: deps.Log, output: deps.Output, password: secret, analyst: analyst, metrics: &metrics{},
		address: cfg.Listen, state: errors.New("it has not been started"),
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.output == nil {
		e.output = os.Stderr
	}
	if deps.Registerer != nil {
		if err := deps.Registerer.Register(e.metrics); err != nil {
			return nil, fmt.Errorf("registering the engine's metrics: %w", err)
		}
	}
	return e, nil
}

// DSN is how clients reach the engine: http://riskd:PASSWORD@127.0.0.1:8123/risk. With port
// 0 in the configuration it is right only once the engine is ready.
func (e *Engine) DSN() string { return e.dsn(User, e.password) }

// AnalystDSN is the same for the user who may only read.
func (e *Engine) AnalystDSN() string { return e.dsn(Analyst, e.analyst) }

func (e *Engine) dsn(user, password string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return (&url.URL{Scheme: "http", User: url.UserPassword(user, password), Host: e.address, Path: "/" + e.cfg.Database}).String()
}

// Ready is nil when the engine answers requests.
func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, e.state)
	}
	if silent := time.Since(e.life); silent > lifeTimeout {
		return fmt.Errorf("%w: no sign of life for %s", ErrNotReady, silent.Round(time.Second))
	}
	return nil
}

// PID is the child's process id, 0 when there is none.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child
}

func (e *Engine) setState(why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state, e.life = why, time.Now()
}

// healthy is how long a child must live for the pause after its crash to be short again.
const healthy = time.Minute

// Run starts the child and keeps it alive until the context ends; then it stops it and
// returns nil. A first start that fails ends Run with an error, such as [*AddressInUseError],
// [*PathInUseError] or [*ExitError]; later crashes lead to another start.
//
// The parent owns the listening socket and the child inherits it, so that clients that come
// while the child starts again wait instead of being refused.
func (e *Engine) Run(ctx context.Context) error {
	defer e.metrics.set(false, nil)
	if err := os.MkdirAll(filepath.Join(e.cfg.Path, spoolName), 0o700); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	listener, err := net.Listen("tcp", e.cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &AddressInUseError{Address: e.cfg.Listen, Err: err}
	}
	if err != nil {
		return fmt.Errorf("listening for ClickHouse clients: %w", err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return fmt.Errorf("sharing the listener: %w", err)
	}
	defer socket.Close()
	e.mu.Lock()
	e.address = listener.Addr().String()
	e.mu.Unlock()

	pause := e.cfg.RestartMin
	for started := false; ; started = true {
		e.setState(errors.New("it is starting"))
		began := time.Now()
		ready, err := e.once(ctx, socket)
		e.metrics.ended(ctx.Err() == nil && (started || ready))
		if ctx.Err() != nil {
			e.setState(errors.New("it was stopped"))
			return nil
		}
		e.setState(err)
		if !started && !ready {
			return err
		}
		if time.Since(began) > healthy {
			pause = e.cfg.RestartMin
		}
		e.log.Error("the ClickHouse engine crashed and is started again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			e.setState(errors.New("it was stopped"))
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, e.cfg.RestartMax)
	}
}
