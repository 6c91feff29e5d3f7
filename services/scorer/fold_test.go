package scorer

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// TestAReplayAsksForNothingOfABatch: the entries of a replay lie where the journal's reader has put them, and there may be more than any
// batch had.
func TestAReplayAsksForNothingOfABatch(t *testing.T) {
	p := lonePartitions(t, 1)[0]
	few := loneBatches(t, []*partition{p}, 3, 3, 3)[0].msgs
	if err := p.commit(t.Context(), few); err != nil {
		t.Fatal(err)
	}
	b := p.s.getBatch(false) // the one that was live
	if len(b.entries) < len(few) {
		t.Fatal("another batch than the one that was live: nothing is shown")
	}
	f := b.fold
	f.reset()
	f.engine = p.by.engine
	const many = 2 * largeFrom
	for i, ev := range pipelineEventsOf(many, 50) {
		if err := wire.Validate(ev); err != nil {
			t.Fatal(err)
		}
		f.add(nil, &riskdv1.JournalEntry{Input: uint64(i + 1), Event: ev, Enrichment: &riskdv1.Enrichment{ReceivedMs: ev.TimeMs}}, i)
	}
	judged := 0
	if err := f.run(newStore(), func(*item, *decision.Decision) { judged++ }); err != nil || judged != many {
		t.Errorf("got %d judged of %d: %v", judged, many, err)
	}
}
