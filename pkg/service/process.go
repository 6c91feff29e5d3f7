package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// DefaultStopTimeout is how long one part may take to stop before the process gives up on it.
const DefaultStopTimeout = 20 * time.Second

// ErrEnded is what a [Process] fails with when a part returns without error before it was told
// to stop: a role that is silently gone is worse than a process that is.
var ErrEnded = errors.New("ended before it was told to stop")

// A Runner is a part at work.
type Runner interface {
	// Run works until ctx ends, then cleans up and returns nil. Any other return is a failure.
	Run(ctx context.Context) error
}

// A Readier is a Runner that can say whether it does its work at this moment. Ready is called by
// health checks, from any goroutine; nil means yes, the error's text is shown to operators.
type Readier interface{ Ready() error }

// RunFunc makes a function a [Runner].
type RunFunc func(ctx context.Context) error

// Run calls f.
func (f RunFunc) Run(ctx context.Context) error { return f(ctx) }

// Open builds one part. The parts it needs are open and running by then. What it returns runs
// until the process stops; nil means that there is nothing to run. ctx ends when the start is
// given up, also because a part that is running already has failed.
type Open func(ctx context.Context) (Runner, error)

// Process runs parts in the order of a [Graph]. Create it with [NewProcess]; Run it once.
type Process struct {
	log         *slog.Logger
	stopTimeout time.Duration
	order       []string
	open        map[string]Open
	ready       chan struct{}

	mu       sync.Mutex
	running  map[string]Runner // guarded by mu
	waits    map[string]error  // of parts that are being opened
	stopping bool              // guarded by mu
}

// NewProcess plans targets and all they need. Each part of the resulting order must be in open.
// stopTimeout bounds the stop of one part; 0 means [DefaultStopTimeout].
func NewProcess(g Graph, open map[string]Open, targets []string, log *slog.Logger, stopTimeout time.Duration) (*Process, error) {
	order, err := g.Order(targets...)
	if err != nil {
		return nil, err
	}
	for _, name := range order {
		if open[name] == nil {
			return nil, fmt.Errorf("part %q is in the graph but nothing opens it", name)
		}
	}
	if stopTimeout <= 0 {
		stopTimeout = DefaultStopTimeout
	}
	return &Process{
		log: log, stopTimeout: stopTimeout, order: order, open: open,
		ready: make(chan struct{}), running: make(map[string]Runner, len(order)), waits: make(map[string]error),
	}, nil
}

// Started is closed when every part has been opened and is running.
func (p *Process) Started() <-chan struct{} { return p.ready }

type work struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

type ended struct {
	name string
	err  error
}

// Run starts the parts, blocks until ctx ends or a part fails, and stops them in reverse order.
// It returns nil after an ordinary stop, and otherwise the first failure, joined with those of
// parts that could not stop in time.
func (p *Process) Run(ctx context.Context) error {
	var (
		started []work
		ends    = make(chan ended, len(p.order))
		cause   error
	)
	starting, giveUp := context.WithCancel(ctx)
	defer giveUp()

	for _, name := range p.order {
		if cause = p.pending(ctx, ends); cause != nil || ctx.Err() != nil {
			break
		}
		begin := time.Now()
		runner, err := p.open[name](starting)
		if err != nil {
			// A part that failed meanwhile is the reason, not the one that waited for it.
			if cause = p.pending(ctx, ends); cause == nil && ctx.Err() == nil {
				cause = fmt.Errorf("starting %s: %w", name, err)
			}
			break
		}
		if runner == nil {
			continue
		}
		started = append(started, p.run(ctx, name, runner, func(e ended) {
			ends <- e
			giveUp()
		}))
		p.log.Debug("part started", "part", name, "took", time.Since(begin))
	}
	if cause == nil && ctx.Err() == nil {
		close(p.ready)
		select {
		case <-ctx.Done():
		case e := <-ends:
			cause = e.failure()
		}
	}
	if cause != nil {
		p.log.Error("a part failed, stopping the others")
	}
	return errors.Join(cause, p.stop(started))
}

// run gives a part a context of its own, cut loose from the process's: the order of the stop is
// ours, not that of one signal reaching all at once.
func (p *Process) run(ctx context.Context, name string, runner Runner, onEnd func(ended)) work {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := work{name: name, cancel: cancel, done: make(chan struct{})}
	p.mu.Lock()
	p.running[name] = runner
	p.mu.Unlock()
	go func() {
		defer close(w.done)
		err := runner.Run(own)
		if own.Err() == nil {
			onEnd(ended{name, err})
		} else if err != nil && !errors.Is(err, context.Canceled) {
			p.log.Warn("part did not stop cleanly", "part", name, "error", err)
		}
	}()
	return w
}

// pending looks, without waiting, whether a part has already failed during the start.
func (p *Process) pending(ctx context.Context, ends <-chan ended) error {
	select {
	case e := <-ends:
		if ctx.Err() == nil {
			return e.failure()
		}
	default:
	}
	return nil
}

func (e ended) failure() error {
	if e.err == nil {
		return fmt.Errorf("%s %w", e.name, ErrEnded)
	}
	return fmt.Errorf("%s failed: %w", e.name, e.err)
}

func (p *Process) stop(started []work) error {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	var faults []error
	for _, w := range slices.Backward(started) {
		begin := time.Now()
		w.cancel()
		timer := time.NewTimer(p.stopTimeout)
		select {
		case <-w.done:
			p.log.Debug("part stopped", "part", w.name, "took", time.Since(begin))
		case <-timer.C:
			faults = append(faults, fmt.Errorf("stopping %s: still busy after %s", w.name, p.stopTimeout))
		}
		timer.Stop()
	}
	return errors.Join(faults...)
}

// Waits tells what a part that is being opened waits for, for Checks; nil: nothing any more.
func (p *Process) Waits(part string, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits[part] = why
}

// A Check is the readiness of one part.
type Check struct {
	Part string
	Err  error // nil when ready
}

// Checks asks every planned part, in start order, whether it is ready. A part that has not been
// opened yet is not, and none is once the process stops: load balancers then send no more.
func (p *Process) Checks() []Check {
	started := false
	select {
	case <-p.ready:
		started = true
	default:
	}
	checks := make([]Check, 0, len(p.order))
	for _, name := range p.order {
		p.mu.Lock()
		runner, stopping, why := p.running[name], p.stopping, p.waits[name]
		p.mu.Unlock()
		check := Check{Part: name}
		readier, asks := runner.(Readier)
		switch {
		case stopping:
			check.Err = errors.New("stopping")
		case runner == nil && !started:
			check.Err = errors.New("not started yet")
			if why != nil {
				check.Err = fmt.Errorf("not started yet: %w", why)
			}
		case asks:
			check.Err = readier.Ready()
		}
		checks = append(checks, check)
	}
	return checks
}
