// Package sink is the role that carries the ledger into ClickHouse, each row exactly once.
//
// A batch is cut from what all partitions have, written down, inserted table by table under tokens
// that name it, and only then do the positions move. Wherever that stops, by a crash here, a crash
// there or a lost answer, the next attempt finds the cut, reads the same records again and sends the
// same rows under the same tokens, which ClickHouse drops where it has them, views included. Batch
// numbers are taken by a token as well, so that two sinks of one database never cut differently.
//
// The sink is not on the road of a flag: when ClickHouse is away it reads nothing, waits, and
// catches up. It scores nothing and changes nothing on the broker. A Service is used by one Run;
// Ready, Lag and Drained are safe from any goroutine.
package sink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	"github.com/riskd-io/riskd/pkg/policylog"
)

// Deps is what a sink works with.
type Deps struct {
	// ClickHouse is a connection to the database the rows go to. With a replicated cluster it must lead to
	// one replica as long as that lives (the DSN's first host): the books are read after they are written.
	ClickHouse driver.Conn
	// Native sends the rows of batches to the same server, more cheaply than ClickHouse does. Nil: ClickHouse sends them too.
	Native  BlockInserter
	Journal JournalSource
	// Prepare runs before the first batch and is repeated until it succeeds; it brings the schema up to
	// date. Nil: the schema is there.
	Prepare func(ctx context.Context) error
	// Policies, when there, is copied to policy_changes.
	Policies policylog.Log
	// Notices, when there, are copied to notices.
	Notices Notices
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// BlockInserter sends columns as one block; settings are those of the insert. native.Client is one.
type BlockInserter interface {
	Insert(ctx context.Context, table string, columns []native.Column, settings map[string]string) error
}

// Service is the sink of one database.
type Service struct {
	cfg      Config
	books    books
	native   BlockInserter
	journal  JournalSource
	policies policylog.Log
	notices  Notices
	prepare  func(ctx context.Context) error
	trust    time.Duration // how long what the books said is taken for true within a batch
	log      *slog.Logger
	m        *metrics
	writer   string

	mu       sync.Mutex
	at       map[int]position // persisted
	behind   map[int]time.Time
	broken   map[int]error
	last     error // why nothing is persisted at the moment; nil while it works
	prepared bool
	heads    map[int]position
}

// New checks the configuration and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.ClickHouse == nil || deps.Journal == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("sink: ClickHouse, Journal, Log and Metrics are required")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("sink: registering metrics: %w", err)
	}
	var nonce [6]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, fmt.Errorf("sink: naming the writer: %w", err)
	}
	host, _ := os.Hostname()
	s := &Service{
		cfg: cfg, native: deps.Native, journal: deps.Journal, policies: deps.Policies, notices: deps.Notices, prepare: deps.Prepare, trust: booksTrust, log: deps.Log, m: m,
		writer: host + ":" + strconv.Itoa(os.Getpid()) + ":" + hex.EncodeToString(nonce[:]),
		books: books{conn: deps.ClickHouse, sink: cfg.Name, timeout: cfg.Timeout,
			batches: cfg.table("sink_batches"), positions: cfg.table("sink_positions"), losses: cfg.table("sink_losses")},
		at: map[int]position{}, behind: map[int]time.Time{}, broken: map[int]error{}, heads: map[int]position{},
		last: errors.New("starting"),
	}
	return s, nil
}

// Run persists until ctx ends. It returns nil then; failures are repeated, not returned.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.watchLag(ctx) })
	wg.Go(func() { s.copyPolicies(ctx) })
	wg.Go(func() { s.copyNotices(ctx) })
	defer wg.Wait()

	backoff := s.cfg.BackoffMin
	for ctx.Err() == nil {
		progress, err := s.carry(ctx)
		if ctx.Err() != nil {
			break
		}
		if progress {
			backoff = s.cfg.BackoffMin
		}
		if errors.Is(err, errCutLost) {
			// The other sink works; stand by for a while before competing again.
			s.m.lost.Inc()
			s.log.Info("another sink is at work", "wait", s.cfg.BackoffMin*10)
			sleep(ctx, s.cfg.BackoffMin*10)
			continue
		}
		s.setState(err)
		s.m.retries.Inc()
		s.log.Warn("cannot persist, trying again", "error", err, "wait", backoff)
		sleep(ctx, backoff)
		backoff = min(2*backoff, s.cfg.BackoffMax)
	}
	return nil
}

// Ready is nil while rows can be persisted, else why not.
func (s *Service) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		return fmt.Errorf("sink: %w", s.last)
	}
	for p, err := range s.broken {
		return fmt.Errorf("sink: partition %d stands still: %w", p, err)
	}
	return nil
}

func (s *Service) setState(err error) {
	s.mu.Lock()
	s.last = err
	s.mu.Unlock()
	if err != nil {
		s.m.up.Set(0)
	} else {
		s.m.up.Set(1)
	}
}

func (s *Service) isBroken(p int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken[p] != nil && !errors.As(s.broken[p], new(*LossError))
}

// breakPartition stops a partition whose journal does not continue what is persisted. Going on would
// hide that records are missing or were changed.
func (s *Service) breakPartition(p int, err error) {
	s.mu.Lock()
	told := s.broken[p] != nil
	s.broken[p] = err
	n := len(s.broken)
	s.mu.Unlock()
	s.m.broken.Set(float64(n))
	if !told {
		s.log.Error("journal does not continue what is persisted; the partition stands still", "partition", p, "error", err)
	}
}

// mendPartition lets a partition that stood still go on.
func (s *Service) mendPartition(p int) {
	s.mu.Lock()
	delete(s.broken, p)
	n := len(s.broken)
	s.mu.Unlock()
	s.m.broken.Set(float64(n))
}
