// Package backtest plays history through two policies at once, the live one and a new one, with all the state
// that the scorer would have, and reports what would change: prompts, by which rule, who, and which attacks that were
// caught would not be.
//
// It is the engine of the scorer and nothing else: where history holds the decisions that were made, the live
// policy has to give them again byte for byte, and the report says whether it did.
//
// History answers only the challenges that were raised. Two rules bridge the difference, and neither changes anything
// while both policies agree: an answer goes to the challenge that its session has under the new policy, and a challenge that
// only the new policy raised counts as passed when the session goes on (see [Answers]).
//
// Users are spread over workers; each user's events keep their order.
package backtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// Engine judges one event, as *rules.Engine does. Safe for concurrent use on different profiles.
type Engine interface {
	Step(p *profile.Profile, ev *event.Event, d *decision.Decision)
}

// Item is one event of history.
type Item struct {
	Event      *riskdv1.Event
	Enrichment *riskdv1.Enrichment
	// Recorded is the decision that was made; nil when history does not tell.
	Recorded *riskdv1.Decision
	// Made is what is kept of it where not all of it is.
	Made Made
	// Revision of the policies that made it; 0: those riskd was started with.
	Revision uint64
	// Attack is the kind of attack that the event and its session are known to be part of; "": none is known.
	Attack string

	partition int
}

// Source hands out history, each user's events in the order in which they were judged. Items are kept until they are judged.
type Source func(ctx context.Context, hand func(Item) error) error

const (
	// batchItems go to a worker at once, and batchesAhead of them may wait.
	batchItems   = 256
	batchesAhead = 8
	// maxLive is how many users of a worker have their profiles as objects; those of others wait encoded.
	maxLive = 10_000
)

// Run plays all of src and reports.
func Run(ctx context.Context, cfg Config, src Source) (*Report, error) {
	if src == nil {
		return nil, errNothing
	}
	if err := cfg.settle(); err != nil {
		return nil, err
	}
	begin := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := make([]*worker, cfg.Workers)
	var wg sync.WaitGroup
	for i := range workers {
		w := newWorker(&cfg)
		w.in = make(chan []Item, batchesAhead)
		workers[i] = w
		wg.Go(func() {
			if w.err = w.run(); w.err != nil {
				stop() // and drain, so that nobody waits for this worker
				for range w.in {
				}
			}
		})
	}
	err := deal(ctx, &cfg, workers, src)
	for _, w := range workers {
		close(w.in)
	}
	wg.Wait()
	for _, w := range workers {
		if w.err != nil {
			return nil, w.err
		}
	}
	if err != nil {
		return nil, err
	}
	return report(&cfg, workers, begin), nil
}

// report adds up what the workers counted.
func report(cfg *Config, workers []*worker, begin time.Time) *Report {
	r := newReport(cfg.Workers)
	for _, w := range workers {
		w.conclude()
		r.merge(w)
	}
	r.finish(cfg.Examples)
	r.Took = time.Since(begin)
	return r
}

// RunUsers plays spans of users, each of which hands out its history user by user. A user is forgotten when the next begins, so
// that memory does not grow with history. Spans share no user, and are played at the same time. Thresholds that
// adapt ([Adapts]) need [Run]: they depend on what other users did before.
func RunUsers(ctx context.Context, cfg Config, spans []Source) (*Report, error) {
	if len(spans) == 0 {
		return nil, errNothing
	}
	if err := cfg.settle(); err != nil {
		return nil, err
	}
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan Source, len(spans))
	for _, s := range spans {
		next <- s
	}
	close(next)
	workers := make([]*worker, min(cfg.Workers, len(spans)))
	for i := range workers {
		w := newWorker(&cfg)
		workers[i] = w
		g.Go(func() error {
			for src := range next {
				if err := src(ctx, w.alone); err != nil {
					return fmt.Errorf("reading history: %w", err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return report(&cfg, workers, begin), nil
}

// deal spreads items over the workers by the users' partitions.
func deal(ctx context.Context, cfg *Config, workers []*worker, src Source) error {
	batches := make([][]Item, len(workers))
	send := func(i int) error {
		select {
		case workers[i].in <- batches[i]:
			batches[i] = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := src(ctx, func(it Item) error {
		if it.Event == nil {
			return nil
		}
		it.partition = subject.Partition(it.Event.TenantId, it.Event.User.GetId(), cfg.Partitions)
		i := it.partition % len(workers)
		batches[i] = append(batches[i], it)
		if len(batches[i]) < batchItems {
			return nil
		}
		return send(i)
	})
	if err != nil {
		return fmt.Errorf("reading history: %w", err)
	}
	for i := range batches {
		if len(batches[i]) > 0 {
			if err := send(i); err != nil {
				return err
			}
		}
	}
	return nil
}
