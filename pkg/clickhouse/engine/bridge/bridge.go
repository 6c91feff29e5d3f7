// Package bridge serves ClickHouse's HTTP interface from an engine in the same process, so
// that clients made for a ClickHouse server work unchanged: clickhouse-go over HTTP, the npm
// client, curl, Grafana.
//
// It is not a ClickHouse server: there is one user and perhaps one who only reads, no native protocol, no cluster. Each
// request gets an engine connection of its own and leaves nothing behind, unless it names a
// session. A [Bridge] is an [http.Handler] and safe for concurrent use.
package bridge

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// Deps are what a bridge needs from outside.
type Deps struct {
	// Connect opens a connection to the engine.
	Connect func() (*chdb.Conn, error)
	// Log gets what no client can be told. Never nil.
	Log *slog.Logger
}

// Bridge answers requests. Make one with [New] and end it with [Bridge.Close].
type Bridge struct {
	cfg     Config
	connect func() (*chdb.Conn, error)
	log     *slog.Logger
	secret  [sha256.Size]byte
	reader  [sha256.Size]byte // zeros, which nothing hashes to: there is none

	version Version
	zone    *time.Location
	display string

	slots    chan struct{} // one per statement that may run
	queries  running
	sessions sessions
	control  control
	stats    counters

	closing  chan struct{}
	closed   sync.Once
	requests sync.WaitGroup
	mu       sync.Mutex // guards requests against Close
}

// New asks the engine who it is and readies the bridge.
func New(cfg Config, deps Deps) (*Bridge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bridge configuration: %w", err)
	}
	b := &Bridge{
		cfg:     cfg,
		connect: deps.Connect,
		log:     deps.Log,
		secret:  credentials(cfg.User, cfg.Password),
		slots:   make(chan struct{}, cfg.MaxQueries),
		closing: make(chan struct{}),
	}
	if cfg.Reader != "" {
		b.reader = credentials(cfg.Reader, cfg.ReaderPassword)
	}
	conn, err := b.connect()
	if err != nil {
		return nil, fmt.Errorf("opening the control connection: %w", err)
	}
	b.control.conn = conn
	b.queries.list = map[string]*query{}
	b.sessions.list = map[string]*session{}
	if err := b.introduce(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("asking the engine for its version: %w", err)
	}
	return b, nil
}

func (b *Bridge) introduce(conn *chdb.Conn) error {
	version, err := conn.Text("SELECT version()")
	if err != nil {
		return err
	}
	if b.version, err = parseVersion(version); err != nil {
		return err
	}
	zone, err := conn.Text("SELECT timezone()")
	if err != nil {
		return err
	}
	if b.zone, err = time.LoadLocation(zone); err != nil {
		b.zone = time.UTC
	}
	b.display, err = conn.Text("SELECT displayName()")
	return err
}

// ServeHTTP implements [http.Handler].
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !b.enter() {
		fail(w, exception(codeAborted, "the engine is shutting down"), http.StatusServiceUnavailable)
		return
	}
	defer b.requests.Done()
	if !b.allowedHost(r.Host) {
		fail(w, exception(codeAuthentication, "Host %q is not one of this server's names", r.Host), http.StatusMisdirectedRequest)
		return
	}
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		answerOk(w)
	case "/", "/query":
		b.serveQuery(w, r)
	default:
		http.Error(w, "There is no handle "+r.URL.Path+"; the ClickHouse HTTP interface is at /", http.StatusNotFound)
	}
}

func answerOk(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = w.Write([]byte("Ok.\n")) // a client that is gone needs no answer
}

func (b *Bridge) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closing:
		return false
	default:
	}
	b.requests.Add(1)
	return true
}

// Close refuses new requests, lets running ones finish until the context ends, kills those
// that are left and closes every connection. It returns when nothing uses the engine any more.
func (b *Bridge) Close(ctx context.Context) {
	b.closed.Do(func() {
		b.mu.Lock()
		close(b.closing)
		b.mu.Unlock()
		done := make(chan struct{})
		go func() {
			b.requests.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-ctx.Done():
			b.killAll(done)
		}
		b.sessions.closeAll()
		b.control.close()
	})
}

// killAll kills what runs, again and again: a statement may start just after a kill.
func (b *Bridge) killAll(done <-chan struct{}) {
	again := time.NewTicker(killInterval)
	defer again.Stop()
	for {
		if err := b.control.kill(tagPrefix); err != nil {
			b.log.Warn("killing running queries failed", "error", err)
		}
		select {
		case <-done:
			return
		case <-again.C:
		}
	}
}

// Stats are counts since the start.
type Stats struct {
	// Queries counts statements that reached the engine, Errors those that failed, Killed
	// those that were killed because their client had gone.
	Queries, Errors, Killed uint64
	// Running and Sessions are how many there are now.
	Running, Sessions int
	// WrittenRows and ReadRows are the engine's own counts, with rows written by views.
	WrittenRows, ReadRows uint64
}

type counters struct {
	queries, errors, killed, written, read atomic.Uint64
}

// Stats returns the current counts.
func (b *Bridge) Stats() Stats {
	return Stats{
		Queries: b.stats.queries.Load(), Errors: b.stats.errors.Load(), Killed: b.stats.killed.Load(),
		Running: b.queries.count(), Sessions: b.sessions.count(),
		WrittenRows: b.stats.written.Load(), ReadRows: b.stats.read.Load(),
	}
}

// Check runs a trivial query past all limits; it tells whether the engine answers.
func (b *Bridge) Check() error {
	b.control.mu.Lock()
	defer b.control.mu.Unlock()
	if b.control.conn == nil {
		return errClosed
	}
	return b.control.conn.Exec("SELECT 1")
}
