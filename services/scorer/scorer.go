package scorer

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Engine judges one event: *risk.Engine. Safe for concurrent use on different profiles; p changes only when the event is scored.
type Engine interface {
	Step(p *profile.Profile, ev *event.Event, d *decision.Decision)
}

// Enricher adds what is looked up: *enrich.Enricher. Safe for concurrent use.
type Enricher interface {
	// EnrichIn is called once for each event of a partition, in order, with several at a time. It overwrites their Out and may use its memory again.
	EnrichIn(partition int, all []enrich.Lookup)
	GeoVersion() string
}

// Broker is what the role needs of the message broker: *natsjs.Broker, *kafka.Broker. Nothing of it is called for each event.
type Broker interface {
	// Open reads the installation; it waits for a broker that is still starting, and comes before the others.
	Open(ctx context.Context) (broker.Installation, error)
	Workers(cfg broker.WorkersConfig) (broker.Workers, error)
	Log(partition int) broker.Log
	// Outlet makes effects visible; nil when the log itself does, together with the record.
	Outlet() broker.Outlet
}

// Deps are what the role needs from outside.
type Deps struct {
	Broker Broker
	// Engine judges, or Policies say which one does; exactly one of the two is required.
	Engine   Engine
	Policies Policies
	Enricher Enricher
	// Sections makes what a partition's state holds beside the profiles; a partition that is taken over again may
	// get the same ones. Optional. See [Section].
	Sections func(partition int) []Section
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Service is the role.
type Service struct {
	cfg  Config
	deps Deps
	// policies is never nil.
	policies Policies
	metrics  *metrics
	now      func() time.Time

	partitions int
	// ownPartitions tells that an event has to lie in the partition that package subject computes.
	ownPartitions bool
	// partitionOf is where riskd's own producers would have put an event, nil when ownPartitions settles it.
	partitionOf func(tenant, user string) int
	elsewhere   advice
	maxRecord   int
	// batchBytes are the configured ones within what the broker takes.
	batchBytes int
	// hold is how long a record that raises nothing waits, 0 not at all.
	hold    time.Duration
	outlet  broker.Outlet // nil: effects are stored together with their record
	workers broker.Workers

	loading  chan struct{}
	turns    chan struct{} // one for each partition that commits
	pageJobs chan pageJob
	// pagesAtOnce is how many pages are compressed and stored at the same time.
	pagesAtOnce int
	trims       chan trimJob
	// last is set when this worker stops and no other one is alive to go on.
	last atomic.Bool

	batchMu sync.Mutex
	// small and large are idle batches: those to be held, of which each partition has one, and those that a backlog has filled.
	small, large []*batch

	mu       sync.Mutex
	owned    map[int]*ownership
	waiting  int // partitions that are ours but still held by another
	failures map[int]failure
	settled  bool // the first assignment was carried out
}

// minPayload is the broker's smallest limit that one event's record, or a page of many users, can be expected to fit in.
const minPayload = 1 << 20

// New checks the configuration and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("new scorer: %w", err)
	}
	if deps.Broker == nil || (deps.Engine == nil) == (deps.Policies == nil) || deps.Enricher == nil || deps.Log == nil || deps.Registry == nil {
		return nil, errors.New("new scorer: broker, engine or policies, enricher, logger and registry are required")
	}
	if deps.Sections == nil {
		deps.Sections = func(int) []Section { return nil }
	}
	if _, err := newParts(deps.Sections(0)); err != nil {
		return nil, fmt.Errorf("new scorer: %w", err)
	}
	if cfg.Worker == "" {
		cfg.Worker = workerName()
	}
	s := &Service{cfg: cfg, deps: deps, now: time.Now, loading: make(chan struct{}, cfg.Takeovers), turns: make(chan struct{}, cfg.Turns),
		trims: make(chan trimJob, maxTrims),
		owned: make(map[int]*ownership), failures: make(map[int]failure)}
	if s.policies = deps.Policies; s.policies == nil {
		s.policies = fixed{deps.Engine}
	}
	s.metrics = newMetrics(deps.Registry, s)
	return s, nil
}

// workerName is host, process and a random part, as one subject token.
func workerName() string {
	host, _ := os.Hostname()
	host = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, host)
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%.40s_%d_%s", host, os.Getpid(), hex.EncodeToString(b[:]))
}

// Run works until ctx ends; then it finishes the batches in hand and hands its partitions over.
func (s *Service) Run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return fmt.Errorf("running scorer: %w", err)
	}
	helpers, stopHelpers := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stopHelpers()
	for range s.pagesAtOnce {
		wg.Go(func() { s.writePages(helpers) })
	}
	wg.Go(func() { s.trimStreams(helpers) })
	wg.Go(func() { _ = s.workers.Run(helpers) })

	s.coordinate(ctx)

	// Nobody else alive: there is time for a last checkpoint, and the next start is short.
	s.last.Store(s.workers.Alone())
	s.stopAll()
	leave, cancel := context.WithTimeout(helpers, 2*time.Second)
	defer cancel()
	if err := s.workers.Leave(leave); err != nil {
		s.deps.Log.Warn("lease was not given back; others take over when it ends", "error", err)
	}
	return nil
}

// open reads what the installation says. It waits for a broker that is still starting.
func (s *Service) open(ctx context.Context) error {
	in, err := s.deps.Broker.Open(ctx)
	if err != nil {
		return err
	}
	s.partitions, s.ownPartitions, s.outlet = in.Partitions, in.OwnPartitions, s.deps.Broker.Outlet()
	s.pagesAtOnce = cmp.Or(in.PagesAtOnce, pagesAtOnce)
	s.hold = s.cfg.hold(in)
	s.pageJobs = make(chan pageJob, 2*s.pagesAtOnce)
	s.partitionOf, s.elsewhere.text = in.PartitionOf, in.Elsewhere
	if in.MaxMessage < minPayload {
		return fmt.Errorf("the broker takes messages of at most %d bytes, a journal record may need %d: raise its limit (max_payload of NATS, max.message.bytes of Kafka; 8 MiB is what riskd's own server has)", in.MaxMessage, minPayload)
	}
	s.maxRecord = in.MaxMessage - recordSpare
	s.batchBytes = min(s.cfg.BatchBytes, max(in.MaxMessage/4, 64<<10))
	s.workers, err = s.deps.Broker.Workers(broker.WorkersConfig{ID: s.cfg.Worker, Partitions: s.partitions, TTL: s.cfg.LeaseTTL,
		HandoverWait: s.cfg.HandoverWait, Log: s.deps.Log})
	return err
}

// Ready is nil when every partition assigned to this worker is loaded and works.
func (s *Service) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, f := range s.failures {
		return fmt.Errorf("partition %d %s: %w", n, f, f.err)
	}
	if !s.settled {
		return errors.New("no assignment of partitions yet")
	}
	for n, o := range s.owned {
		if at := o.p.taking.Load(); at != nil {
			return fmt.Errorf("partition %d is loading: it waits for %s", n, *at)
		}
		if !o.p.ready.Load() {
			return fmt.Errorf("partition %d is loading", n)
		}
	}
	if s.waiting > 0 {
		return fmt.Errorf("waiting for %d partitions to be handed over", s.waiting)
	}
	return nil
}

// Owned lists the partitions that are ready here.
func (s *Service) Owned() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for n, o := range s.owned {
		if o.p.ready.Load() {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func (s *Service) sum(f func(*partition) int64) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.owned {
		n += f(o.p)
	}
	return n
}
