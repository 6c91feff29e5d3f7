// Package signaler is the role that keeps time for open step-up flags: a challenge that nobody answers within its life
// is reported as abandoned, through the same input as every other event, so that the engine decides what follows.
// It also keeps the bucket of flags in line with the signals.
//
// It judges nothing and holds nothing that a restart would lose: deadlines come from when the broker stored the flag.
// Several may run; they report the same event ids, which count once.
package signaler

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Source is the CloudEvents source of what this role reports.
const Source = "//riskd/signaler"

const (
	// typeAbandoned is the event that ends an unanswered challenge.
	typeAbandoned  = "dev.riskd.stepup.abandoned.v1"
	publishTimeout = 5 * time.Second
	// publishRetry is when a report that could not be stored is tried again.
	publishRetry = 5 * time.Second
	// reportsPerTurn bounds one batch of reports.
	reportsPerTurn = 500
)

// Broker is what the role needs of the message broker: *natsjs.Broker, *kafka.Broker.
type Broker interface {
	// Open waits for a broker that is still starting, and comes before the others.
	Open(ctx context.Context) (broker.Installation, error)
	// Follow reads the flags and their changes.
	Follow() (broker.FlagReader, error)
	Publisher() broker.Publisher
	// Flag writes what sig means for its session, if nothing newer is there.
	Flag(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (applied bool, err error)
	// Signals visits every stored signal, oldest first.
	Signals(ctx context.Context, visit func(broker.StoredSignal) error) error
}

// Deps are what the role needs from outside.
type Deps struct {
	Broker Broker
	// Publisher, when set, takes the reports instead of the broker's own: events may go another way than flags.
	Publisher broker.Publisher
	Log       *slog.Logger
	Registry  prometheus.Registerer
}

// Service is the role.
type Service struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	now     func() time.Time
	ready   atomic.Bool

	// open and due belong to Run's goroutine.
	open map[string]*deadline
	due  deadlines
}

// retryDoublings bounds how far apart the repetitions of a report grow: RetryEvery times 256, which is a day by default.
const retryDoublings = 8

// New checks the configuration and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("new signaler: %w", err)
	}
	if deps.Broker == nil || deps.Log == nil || deps.Registry == nil {
		return nil, errors.New("new signaler: broker, logger and registry are required")
	}
	return &Service{cfg: cfg, deps: deps, now: time.Now, metrics: newMetrics(deps.Registry), open: make(map[string]*deadline)}, nil
}

// Ready is nil once every flag in the bucket is known.
func (s *Service) Ready() error {
	if !s.ready.Load() {
		return errors.New("open flags are not read yet")
	}
	return nil
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if _, err := s.deps.Broker.Open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("running signaler: %w", err)
	}
	if s.deps.Publisher == nil {
		s.deps.Publisher = s.deps.Broker.Publisher()
	}
	tail, err := s.deps.Broker.Follow()
	if err != nil {
		return fmt.Errorf("running signaler: %w", err)
	}
	defer tail.Close()
	done := make(chan struct{})
	defer func() { <-done }()
	repair, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { defer close(done); s.reconcileEvery(repair) }()

	var flags []broker.Flag
	// First what is there: before that, an answer may be among what is still to be read.
	for end := false; !end; {
		if flags, end, err = tail.Drain(ctx, flags[:0]); err != nil {
			return nil // ctx ended
		}
		s.learn(flags)
	}
	s.ready.Store(true)
	for {
		s.report(ctx)
		wait, cancelWait := context.WithTimeout(ctx, s.untilDue())
		flags, _ = tail.Take(wait, flags[:0]) // an error is the end of wait
		cancelWait()
		if ctx.Err() != nil {
			return nil
		}
		s.learn(flags)
	}
}

// report publishes what is due. A flag stays on the list until the engine's answer clears it: a report may come
// to nothing, and is then made again, each time after a longer wait: an engine that does not know the challenge any more
// will not know it in five minutes either.
func (s *Service) report(ctx context.Context) {
	now := s.now()
	var late []*deadline
	for len(s.due) > 0 && !s.due[0].at.After(now) && len(late) < reportsPerTurn {
		d := s.due[0]
		s.metrics.lag.Set(now.Sub(d.at).Seconds())
		late = append(late, d)
		d.at = now.Add(s.cfg.RetryEvery << min(d.reports, retryDoublings))
		d.reports++
		heap.Fix(&s.due, 0)
	}
	if len(late) == 0 {
		return
	}
	evs := make([]*riskdv1.Event, len(late))
	for i, d := range late {
		evs[i] = Abandoned(d.signal)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	for i, r := range s.deps.Publisher.PublishBatch(ctx, evs) {
		if r.Err == nil {
			s.metrics.expired.Inc()
			continue
		}
		s.metrics.failures.Inc()
		s.deps.Log.Warn("expiry is not reported yet", "challenge", late[i].signal.ChallengeId, "error", r.Err)
		late[i].at = now.Add(publishRetry)
		heap.Fix(&s.due, late[i].index)
	}
}

// Abandoned is the event that reports a challenge as unanswered. Its id is a function of the challenge, so that
// it counts once however often it is reported.
func Abandoned(sig *riskdv1.Signal) *riskdv1.Event {
	return &riskdv1.Event{
		Id: sig.ChallengeId + ":expired", Source: Source, Type: typeAbandoned, TimeMs: sig.ExpiresAtMs,
		TenantId: sig.TenantId, User: &riskdv1.User{Id: sig.UserId}, Session: &riskdv1.Session{Id: sig.SessionId},
		Action: "stepup.abandoned", Outcome: "failure", ChallengeId: sig.ChallengeId, Reason: "expired",
	}
}

// pauseFor waits; false when ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
