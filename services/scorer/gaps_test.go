package scorer

import (
	"context"
	"errors"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

// endsAt is a journal whose last record is somebody's.
type endsAt struct {
	broker.Log
	seq uint64
}

func (l endsAt) Last(context.Context) (journal.Stored, bool, error) {
	return journal.Stored{Seq: l.seq}, l.seq > 0, nil
}

// Events that are gone are counted wherever they are missing: nothing else says that they were never judged. A worker whose partition somebody else has
// taken, and trimmed, misses nothing: it is late.
func TestMissingInputIsToldByTheOwnerOnly(t *testing.T) {
	msgs := messagesOf(t, newWorld(3, 5).take(4))
	msgs[2].Seq, msgs[2].Missing = 9, 6
	msgs[3].Seq = 10
	for _, c := range []struct {
		journal uint64
		want    error
		gaps    float64
	}{{7, nil, 1}, {8, errFenced, 0}} {
		p := lonePartitions(t, 1)[0]
		in := make(handed, 1)
		in <- msgs
		p.log, p.tail, p.at.seq = endsAt{seq: c.journal}, in, 7
		if _, err := p.take(t.Context(), 0); !errors.Is(err, c.want) {
			t.Errorf("journal at %d, ours at 7: got %v, want %v", c.journal, err, c.want)
		}
		var m dto.Metric
		if _ = p.s.metrics.inputGaps.Write(&m); m.Counter.GetValue() != c.gaps {
			t.Errorf("journal at %d: %v gaps were counted, want %v", c.journal, m.Counter.GetValue(), c.gaps)
		}
		p.fx.finish()
	}
}
