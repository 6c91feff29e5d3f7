package policylog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
)

const (
	// maxSets is how many revisions are kept compiled. A replay may ask for an old one; it is made again.
	maxSets = 8
	// retry is how long a keeper waits after a fault of the log.
	retry = time.Second
)

// KeeperConfig of a [Keeper]. Log, Baseline and Logger are required.
type KeeperConfig struct {
	Log Log
	// Base is what judges tenants for which nothing is activated, as rules.Open returns it.
	Base     []*rules.File
	Baseline *baseline.Baseline
	Logger   *slog.Logger
}

// Keeper follows a log and holds an engine of what is in force. A version that this program cannot read changes nothing:
// what was in force goes on judging, and Ready says so.
type Keeper struct {
	cfg KeeperConfig

	current atomic.Pointer[set]
	mu      sync.Mutex
	state   State
	known   bool
	fault   error
	sets    []*set // the latest used last
	changed chan struct{}
}

// NewKeeper starts nothing. The base alone judges until Run has read the log.
func NewKeeper(cfg KeeperConfig) (*Keeper, error) {
	if cfg.Log == nil || cfg.Baseline == nil || cfg.Logger == nil {
		return nil, errors.New("new keeper of policies: log, baseline and logger are required")
	}
	k := &Keeper{cfg: cfg, changed: make(chan struct{})}
	engine, err := rules.NewEngine(cfg.Base, cfg.Baseline)
	if err != nil {
		return nil, fmt.Errorf("new keeper of policies: %w", err)
	}
	first := &set{engine: engine}
	k.sets = []*set{first}
	k.current.Store(first)
	return k, nil
}

// Run follows the log until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := k.cfg.Log.Follow(ctx, func(n uint64, data []byte) error { return k.take(ctx, n, data) }, func() { k.settle(ctx) })
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the log ended")
		}
		k.fail(err)
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
	return nil
}

// take adds one change; once the log is known, what it puts in force judges.
func (k *Keeper) take(ctx context.Context, n uint64, data []byte) error {
	k.mu.Lock()
	if n <= uint64(len(k.state.Changes)) { // following again, after a fault
		defer k.mu.Unlock()
		return k.state.same(n, data)
	}
	before := k.state.Revision
	err := k.state.Add(n, data)
	swap := k.known && k.state.Revision != before && k.state.Revision > k.current.Load().revision
	k.mu.Unlock()
	if err == nil && swap {
		k.swap(ctx)
	}
	return err
}

// settle is called when all is known that the log held at first.
func (k *Keeper) settle(ctx context.Context) {
	k.swap(ctx)
	k.mu.Lock()
	k.known = true
	k.tell()
	k.mu.Unlock()
}

// swap makes what the state says the set in force.
func (k *Keeper) swap(ctx context.Context) {
	k.mu.Lock()
	state, old := k.state, k.current.Load()
	k.mu.Unlock()
	if state.Revision <= old.revision {
		k.fail(nil)
		return
	}
	next, err := k.compile(ctx, &state, old, nil)
	if err != nil {
		k.fail(fmt.Errorf("revision %d of the policies is not in force here: %w", state.Revision, err))
		return
	}
	k.mu.Lock()
	k.keep(next)
	k.current.Store(next)
	k.fault = nil
	k.tell()
	k.mu.Unlock()
	k.cfg.Logger.Info("policies in force", "revision", next.revision, "versions", len(next.engine.Versions()))
}

func (k *Keeper) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && (k.fault == nil || k.fault.Error() != err.Error()) {
		k.cfg.Logger.Error("policies in force stay as they are", "revision", k.current.Load().revision, "error", err)
	}
	k.fault = err
}

// tell wakes whoever waits; called with mu held.
func (k *Keeper) tell() {
	close(k.changed)
	k.changed = make(chan struct{})
}

// keep remembers a set; called with mu held.
func (k *Keeper) keep(s *set) {
	if len(k.sets) >= maxSets {
		k.sets = slices.Delete(k.sets, 1, 2) // never the first: it is what riskd was started with
	}
	k.sets = append(k.sets, s)
}

// Current is what judges now, and its revision; 0 is what riskd was started with.
func (k *Keeper) Current() (*rules.Engine, uint64) {
	s := k.current.Load()
	return s.engine, s.revision
}

// Wait returns what judges now once the log is known, and known up to a revision at least.
func (k *Keeper) Wait(ctx context.Context, revision uint64) (*rules.Engine, uint64, error) {
	for {
		k.mu.Lock()
		s, known, fault, changed := k.current.Load(), k.known, k.fault, k.changed
		k.mu.Unlock()
		if known && s.revision >= revision {
			return s.engine, s.revision, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("waiting for revision %d of the policies, which are known to %d: %w", revision, s.revision, errors.Join(ctx.Err(), fault))
		}
	}
}

// At is what judged at a revision, for a replay. The log must be known up to it.
func (k *Keeper) At(ctx context.Context, revision uint64) (*rules.Engine, error) {
	k.mu.Lock()
	for _, s := range k.sets {
		if s.revision == revision {
			k.mu.Unlock()
			return s.engine, nil
		}
	}
	state, err := k.state.at(revision)
	old := k.current.Load()
	k.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("revision of the policies: %w", err)
	}
	if state.Revision != revision {
		return nil, fmt.Errorf("change %d put nothing in force: %w", revision, ErrMissing)
	}
	s, err := k.compile(ctx, state, old, nil)
	if err != nil {
		return nil, fmt.Errorf("revision %d of the policies: %w", revision, err)
	}
	k.mu.Lock()
	k.keep(s)
	k.mu.Unlock()
	return s.engine, nil
}

// Try is what would judge if a policy were in force for its tenant.
func (k *Keeper) Try(ctx context.Context, f *rules.File) (*rules.Engine, error) {
	k.mu.Lock()
	state, err := k.state.at(uint64(len(k.state.Changes)))
	old := k.current.Load()
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s, err := k.compile(ctx, state, old, f)
	if err != nil {
		return nil, fmt.Errorf("trying a policy: %w", err)
	}
	return s.engine, nil
}

// State as known now; the result is the caller's.
func (k *Keeper) State() (*State, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.at(uint64(len(k.state.Changes)))
}

// Ready is nil when what the log says is in force is what judges.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fault != nil {
		return k.fault
	}
	if !k.known {
		return errors.New("the log of policies is not read yet")
	}
	return nil
}
