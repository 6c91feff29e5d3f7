package scorer

import (
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

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Engine judges one event: *risk.Engine. Safe for concurrent use on different profiles; p changes only when the event is scored.
type Engine interface {
	Step(p *profile.Profile, ev *event.Event, d *decision.Decision)
}

// Enricher adds what is looked up: *enrich.Enricher. Safe for concurrent use.
type Enricher interface {
	Enrich(ev *riskdv1.Event, receivedMS int64) *riskdv1.Enrichment
	GeoVersion() string
}

// Deps are what the role needs from outside.
type Deps struct {
	JS       jetstream.JetStream
	Engine   Engine
	Enricher Enricher
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Service is the role.
type Service struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	now     func() time.Time

	partitions int
	maxRecord  int
	// batchEvents and batchBytes are the configured ones within what the broker takes.
	batchEvents, batchBytes int
	flags                   *natsjs.Flags
	members                 *natsjs.Members

	loading  chan struct{}
	pageJobs chan pageJob
	trims    chan trimJob
	// last is set when this worker stops and no other one is alive to go on.
	last atomic.Bool

	batchMu sync.Mutex
	batches []*batch

	mu       sync.Mutex
	owned    map[int]*ownership
	waiting  map[int]time.Time // since when a partition is ours but still held by another
	failures map[int]error
	settled  bool // the first assignment was carried out
}

// ownership is a partition's goroutine as the coordinator sees it.
type ownership struct {
	p    *partition
	stop context.CancelFunc
	done chan struct{}
}

const (
	// maxBatches bounds the idle batches kept.
	maxBatches = 64
	// coordinate is how often ownership is looked at without a reason.
	coordinate = 500 * time.Millisecond
	// fencedPause keeps two workers of different views from taking a partition from each other in a loop.
	fencedPause = 500 * time.Millisecond
	// failedPause is between attempts to read a state that could not be read.
	failedPause = 15 * time.Second
)

// New checks the configuration and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("new scorer: %w", err)
	}
	if deps.JS == nil || deps.Engine == nil || deps.Enricher == nil || deps.Log == nil || deps.Registry == nil {
		return nil, errors.New("new scorer: jetstream, engine, enricher, logger and registry are required")
	}
	if cfg.Worker == "" {
		cfg.Worker = workerName()
	}
	s := &Service{cfg: cfg, deps: deps, now: time.Now, loading: make(chan struct{}, cfg.Takeovers),
		pageJobs: make(chan pageJob, 2*pageWriters), trims: make(chan trimJob, 2*natsjs.MaxPartitions),
		owned: make(map[int]*ownership), waiting: make(map[int]time.Time), failures: make(map[int]error)}
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
	for range pageWriters {
		wg.Go(func() { s.writePages(helpers) })
	}
	wg.Go(func() { s.trimStreams(helpers) })
	wg.Go(func() { _ = s.members.Run(helpers) })

	s.coordinate(ctx)

	// Nobody else alive: there is time for a last checkpoint, and the next start is short.
	s.last.Store(len(s.members.View().Members) <= 1)
	s.stopAll()
	leave, cancel := context.WithTimeout(helpers, 2*time.Second)
	defer cancel()
	if err := s.members.Leave(leave); err != nil {
		s.deps.Log.Warn("lease was not given back; others take over when it ends", "error", err)
	}
	return nil
}

// open reads what the installation says. It waits for a broker that is still starting.
func (s *Service) open(ctx context.Context) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, readTimeout)
		n, err := natsjs.Partitions(attempt, s.deps.JS)
		if err == nil {
			s.flags, err = natsjs.OpenFlags(attempt, s.deps.JS)
		}
		cancel()
		if err == nil {
			s.partitions = n
			break
		}
		if !natsjs.IsTransient(err) || !pauseFor(ctx, 200*time.Millisecond) {
			return err
		}
	}
	limit := int(s.deps.JS.Conn().MaxPayload())
	s.maxRecord = limit - recordSpare
	s.batchEvents, s.batchBytes = s.cfg.BatchEvents, min(s.cfg.BatchBytes, max(limit/8, 64<<10))
	var err error
	s.members, err = natsjs.NewMembers(s.deps.JS, natsjs.MembersConfig{ID: s.cfg.Worker, TTL: s.cfg.LeaseTTL, Heartbeat: s.cfg.LeaseTTL / 4})
	return err
}

// coordinate keeps what this worker owns in line with the assignment until ctx ends.
func (s *Service) coordinate(ctx context.Context) {
	tick := time.NewTicker(coordinate)
	defer tick.Stop()
	var renewed time.Time
	for {
		v := s.members.View()
		if v.Leader() == s.cfg.Worker {
			renewed = s.lead(ctx, v, renewed)
			v = s.members.View()
		}
		s.follow(ctx, v)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.members.Changed():
		}
	}
}

// lead publishes the assignment when it changes, and renews it before its entry ends.
func (s *Service) lead(ctx context.Context, v natsjs.View, renewed time.Time) time.Time {
	ids := make([]string, 0, len(v.Members))
	prev := v.Owners
	for _, m := range v.Members {
		ids = append(ids, m.ID)
	}
	if prev == nil { // a new leader: who holds what already
		prev = make([]string, s.partitions)
		for _, m := range v.Members {
			for _, p := range m.Holding {
				if p >= 0 && p < len(prev) {
					prev[p] = m.ID
				}
			}
		}
	}
	next := assign(prev, ids, s.partitions)
	if slices.Equal(next, v.Owners) && time.Since(renewed) < s.cfg.LeaseTTL/3 {
		return renewed
	}
	attempt, cancel := context.WithTimeout(ctx, s.cfg.LeaseTTL/3)
	defer cancel()
	if err := s.members.Assign(attempt, next); err != nil {
		if ctx.Err() == nil {
			s.deps.Log.Warn("assignment was not published", "error", err)
		}
		return renewed
	}
	return time.Now()
}

// follow starts and stops partitions as the assignment says.
func (s *Service) follow(ctx context.Context, v natsjs.View) {
	if v.Owners == nil || ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for n := range s.partitions {
		mine := n < len(v.Owners) && v.Owners[n] == s.cfg.Worker
		o := s.owned[n]
		if !mine {
			delete(s.waiting, n)
		}
		switch {
		case o != nil && !mine:
			o.stop() // its goroutine takes itself off the list
		case o == nil && mine:
			if s.heldElsewhere(v, n) {
				continue
			}
			delete(s.waiting, n)
			s.start(ctx, n)
			changed = true
		}
	}
	s.settled = true
	if changed {
		s.publishHolding()
	}
}

// heldElsewhere tells whether a living worker still has the partition and may yet let it go by itself.
func (s *Service) heldElsewhere(v natsjs.View, n int) bool {
	for _, m := range v.Members {
		if m.ID != s.cfg.Worker && slices.Contains(m.Holding, n) {
			since, ok := s.waiting[n]
			if !ok {
				s.waiting[n] = time.Now()
				return true
			}
			return time.Since(since) < s.cfg.HandoverWait
		}
	}
	return false
}

// start runs a partition; s.mu is held.
func (s *Service) start(ctx context.Context, n int) {
	stop, cancel := context.WithCancel(ctx)
	o := &ownership{p: &partition{s: s, n: n, st: newStore()}, stop: cancel, done: make(chan struct{})}
	s.owned[n] = o
	go func() {
		defer close(o.done)
		defer cancel()
		err := o.p.run(stop)
		switch {
		case err == nil:
			s.fail(n, nil)
		case errors.Is(err, errFenced):
			s.deps.Log.Info("partition was taken by another worker", "partition", n)
			pauseFor(stop, fencedPause)
		default:
			s.fail(n, err)
			s.deps.Log.Error("partition stands still", "partition", n, "error", err)
			pauseFor(stop, failedPause)
		}
		s.mu.Lock()
		delete(s.owned, n)
		s.publishHolding()
		s.mu.Unlock()
		s.members.Poke()
	}()
}

func (s *Service) fail(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.failures, n)
	} else {
		s.failures[n] = err
	}
}

// publishHolding tells the others; s.mu is held.
func (s *Service) publishHolding() {
	held := make([]int, 0, len(s.owned))
	for n := range s.owned {
		held = append(held, n)
	}
	slices.Sort(held)
	s.members.SetHolding(held)
}

// stopAll lets every partition finish and waits.
func (s *Service) stopAll() {
	s.mu.Lock()
	var all []*ownership
	for _, o := range s.owned {
		o.stop()
		all = append(all, o)
	}
	s.mu.Unlock()
	for _, o := range all {
		<-o.done
	}
}

// Ready is nil when every partition assigned to this worker is loaded and works.
func (s *Service) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, err := range s.failures {
		if o := s.owned[n]; o == nil || !o.p.ready.Load() {
			return fmt.Errorf("partition %d stands still: %w", n, err)
		}
	}
	if !s.settled {
		return errors.New("no assignment of partitions yet")
	}
	for n, o := range s.owned {
		if !o.p.ready.Load() {
			return fmt.Errorf("partition %d is loading", n)
		}
	}
	if len(s.waiting) > 0 {
		return fmt.Errorf("waiting for %d partitions to be handed over", len(s.waiting))
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

func (s *Service) getBatch() *batch {
	s.batchMu.Lock()
	defer s.batchMu.Unlock()
	if n := len(s.batches); n > 0 {
		b := s.batches[n-1]
		s.batches = s.batches[:n-1]
		return b
	}
	return &batch{fold: newFold(s.deps.Engine, s.cfg.Retention.Milliseconds())}
}

func (s *Service) putBatch(b *batch) {
	b.fx = effect{}
	s.batchMu.Lock()
	defer s.batchMu.Unlock()
	if len(s.batches) < maxBatches {
		s.batches = append(s.batches, b)
	}
}
