package scorer

import (
	"context"
	"errors"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/riskd-io/riskd/pkg/journal"
)

// endingLog is a journal whose last record is somebody's, or that does not say.
type endingLog struct {
	keptLog
	seq uint64
	err error
}

func (l *endingLog) Last(context.Context) (journal.Stored, bool, error) {
	return journal.Stored{Seq: l.seq}, true, l.err
}

// Events that are gone are counted wherever they are missing: nothing else says that they were never judged. A worker whose partition somebody else has
// taken, and trimmed, misses nothing: it is late. And one that cannot find out which of the two it is judges nothing of what it has read.
func TestMissingInputIsToldByTheOwnerOnly(t *testing.T) {
	for _, c := range []struct {
		journal uint64
		err     error
		want    error
		gaps    float64
		judged  int
	}{{0, nil, nil, 1, 4}, {1, nil, errFenced, 0, 0}, {0, context.DeadlineExceeded, context.DeadlineExceeded, 0, 0}} {
		msgs := messagesOf(t, newWorld(3, 5).take(4))
		msgs[2].Seq, msgs[2].Missing = 9, 6
		msgs[3].Seq = 10
		p, _ := lonePartition(t)
		log := &endingLog{keptLog: keptLog{t: t}, seq: c.journal, err: c.err}
		in := make(handed, 1)
		in <- msgs
		p.log, p.tail = log, in
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if err := p.work(ctx); !errors.Is(err, c.want) {
			t.Errorf("%+v: got %v", c, err)
		}
		cancel()
		judged := 0
		for _, r := range log.records {
			judged += len(r.Entries)
		}
		var m dto.Metric
		if _ = p.s.metrics.inputGaps.Write(&m); m.Counter.GetValue() != c.gaps || judged != c.judged {
			t.Errorf("%+v: %v gaps were counted, %d events judged", c, m.Counter.GetValue(), judged)
		}
		p.fx.finish()
	}
}
