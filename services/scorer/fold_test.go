package scorer

import (
	"slices"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// TestWhatIsSteppedNextIsAskedFor: each event but the first, in the order in which they are stepped.
func TestWhatIsSteppedNextIsAskedFor(t *testing.T) {
	p := lonePartitions(t, 1)[0]
	f := newFold(p.s.cfg.Retention.Milliseconds())
	f.engine = p.by.engine
	const events = 300
	for i, ev := range pipelineEventsOf(events, 40) {
		if err := wire.Validate(ev); err != nil {
			t.Fatal(err)
		}
		f.add(nil, &riskdv1.JournalEntry{Input: uint64(i + 1), Event: ev, Enrichment: &riskdv1.Enrichment{ReceivedMs: ev.TimeMs}}, i)
	}
	var asked, stepped []int
	err := f.run(newStore(), func(at int) { asked = append(asked, at) }, func(it *item, _ *decision.Decision) {
		stepped = append(stepped, it.at)
		if n := len(stepped); n < events && len(asked) != n {
			t.Fatalf("%d are stepped and %d asked for", n, len(asked))
		}
	})
	if err != nil || len(stepped) != events || !slices.Equal(asked, stepped[1:]) {
		t.Errorf("stepped %v\nasked for %v: %v", stepped, asked, err)
	}
	if slices.IsSorted(stepped) {
		t.Error("they are stepped as they came, not user by user: nothing is shown")
	}
}
