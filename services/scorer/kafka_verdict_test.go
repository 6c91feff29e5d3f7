//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// verdict is what became of a crew's events, beside one serial run.
type verdict struct {
	c                      *crew
	rebalances             int
	events, signals        int
	lost, doubled, differs int
	longest                time.Duration // that a partition stood still
}

// judge waits until all events are dealt with and compares.
func (c *crew) judge(b *kafka.Broker, evs []*riskdv1.Event) *verdict {
	c.t.Helper()
	v := &verdict{c: c, rebalances: c.generation(), events: len(evs)}
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	got := decided(c.t, ctx, b, c.partitions)
	ref := foldSerially(c.t, evs)
	missing := 0
	for id, want := range ref.decisions {
		want.Geo = ""
		switch got.decisions[id] {
		case "":
			missing++
		case string(wire.AppendDecisionJSON(nil, want)):
		default:
			v.differs++
		}
	}
	v.longest = got.longest
	v.lost, v.doubled = missing, got.doubled+len(got.decisions)-(len(ref.decisions)-missing)
	signals := storedSignals(c.t, ctx, b)
	v.signals = len(signals)
	for id, n := range signals {
		v.doubled += n - 1
		if !got.signals[id] {
			c.t.Errorf("signal %s is of no record", id)
		}
	}
	for id := range got.signals {
		if signals[id] == 0 {
			v.lost++
			c.t.Errorf("signal %s is in the journal and not in its topic", id)
		}
	}
	return v
}

func (v *verdict) ok() bool {
	return v.lost == 0 && v.differs == 0 && v.doubled == 0 && v.rebalances > 0 && !v.c.t.Failed()
}

// String is the end of the last line of a run.
func (v *verdict) String() string {
	return fmt.Sprintf("rebalances=%d stops=%d in_transaction=%d fenced=%d events=%d signals=%d lost=%d doubled=%d state_equal=%v ok=%v",
		v.rebalances, v.c.stops, v.c.caught, v.c.said("taken by another worker"), v.events, v.signals, v.lost, v.doubled, v.differs == 0, v.ok())
}

func (v *verdict) demand(t *testing.T) {
	t.Helper()
	if !v.ok() {
		t.Errorf("lost %d, doubled %d, otherwise decided %d, rebalanced %d times", v.lost, v.doubled, v.differs, v.rebalances)
	}
}
