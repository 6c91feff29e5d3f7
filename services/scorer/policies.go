package scorer

import (
	"context"
	"fmt"
	"time"
)

// Policies hands out engines by the revision of the policies they judge by. Safe for concurrent use.
type Policies interface {
	// Current is what is in force now, without waiting, and its revision. Revisions only grow.
	Current() (Engine, uint64)
	// Wait is Current once it is known what is in force, and the revision is at least that.
	Wait(ctx context.Context, revision uint64) (Engine, uint64, error)
	// At is what was in force at an older revision, for a replay.
	At(ctx context.Context, revision uint64) (Engine, error)
}

// policyWait bounds how long a partition waits to know what is in force before it is left standing, with the reason.
const policyWait = 15 * time.Second

// fixed is one engine for good.
type fixed struct{ engine Engine }

func (f fixed) Current() (Engine, uint64) { return f.engine, 0 }

func (f fixed) Wait(ctx context.Context, revision uint64) (Engine, uint64, error) {
	engine, err := f.At(ctx, revision)
	return engine, 0, err
}

func (f fixed) At(_ context.Context, revision uint64) (Engine, error) {
	if revision > 0 {
		return nil, fmt.Errorf("the journal names revision %d of the policies, and this worker follows no log of policies", revision)
	}
	return f.engine, nil
}

// judging is what a partition judges by. It changes only between two records, so that one record has one revision.
type judging struct {
	engine   Engine
	revision uint64
}

// adopt takes over what is in force now. A record in which the revision differs from the one before is the swap.
func (p *partition) adopt() {
	engine, revision := p.s.policies.Current()
	if revision > p.by.revision {
		p.by = judging{engine, revision}
		p.s.metrics.policySwaps.Inc()
		p.s.deps.Log.Info("policies changed", "partition", p.n, "revision", revision, "after", p.at.seq)
	}
}

// adoptFirst finds what to judge by after a takeover: nothing older than the last owner did.
func (p *partition) adoptFirst(stop context.Context) error {
	ctx, cancel := context.WithTimeout(stop, policyWait)
	defer cancel()
	engine, revision, err := p.s.policies.Wait(ctx, p.at.policies)
	p.by = judging{engine, revision}
	return err
}

// judgedBy is the engine of a record that is stepped again.
func (p *partition) judgedBy(stop context.Context, revision uint64) (Engine, error) {
	if revision == p.by.revision && p.by.engine != nil {
		return p.by.engine, nil
	}
	ctx, cancel := context.WithTimeout(stop, policyWait)
	defer cancel()
	return p.s.policies.At(ctx, revision)
}
