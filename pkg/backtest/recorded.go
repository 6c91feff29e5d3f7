package backtest

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Made is a decision by its digest ([eventrow.Digest]) and what made it. The zero value: history does not tell.
type Made struct {
	Digest                        uint64
	Policy, Baseline, Engine, Geo string
}

// known tells whether history holds what was decided.
func (it *Item) known() bool { return it.Recorded != nil || it.Made.Digest != 0 }

// recall compares the live policy's decision with the one recorded, if the same versions made it.
func (w *worker) recall(it *Item) {
	t := &w.tally
	t.Recorded++
	d, m, rec := &w.old, it.Made, it.Recorded
	if rec != nil {
		m = Made{Policy: rec.Policy, Baseline: rec.Baseline, Engine: rec.Engine, Geo: rec.Geo}
	}
	if m.Policy != d.Policy || m.Baseline != d.Baseline || m.Engine != d.Engine {
		t.OtherVersions[m.Policy+" baseline "+m.Baseline+" engine "+m.Engine]++
		return
	}
	wire.FromDecision(d, &w.pb)
	w.pb.Geo = m.Geo
	if d.Status == decision.Scored && w.same(it) {
		t.Same++
		return
	}
	t.Differ++
	if t.FirstDiffer == "" {
		was := "digest " + strconv.FormatUint(m.Digest, 16)
		if rec != nil {
			was = string(wire.AppendDecisionJSON(nil, rec))
		}
		t.FirstDiffer = was + "\nnow\n" + string(wire.AppendDecisionJSON(nil, &w.pb))
	}
}

// same compares the bytes of the decision made now with those on record, or the digests of both.
func (w *worker) same(it *Item) bool {
	if it.Recorded == nil {
		return eventrow.Digest(&w.pb) == it.Made.Digest
	}
	var err, err2 error
	w.is, err = encode(w.is, &w.pb)
	w.was, err2 = encode(w.was, it.Recorded)
	return err == nil && err2 == nil && bytes.Equal(w.is, w.was)
}

// encode writes a decision into buf, as the journal holds it.
func encode(buf []byte, d *riskdv1.Decision) ([]byte, error) {
	n := d.SizeVT()
	buf = slices.Grow(buf[:0], n)[:n]
	_, err := d.MarshalToSizedBufferVT(buf)
	return buf, err
}
