package backtest

import (
	"github.com/riskd-io/riskd/pkg/adaptive"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

// adapting is an engine whose policies may move their thresholds.
type adapting interface {
	Adaptive(tenant, user string) policy.Adaptive
}

// Adapts tells whether a threshold of a policy may move: then what is asked depends on other users.
func Adapts(e Engine) bool {
	a, ok := e.(interface{ Adapts() bool })
	return ok && a.Adapts()
}

// states are one partition's adaptive thresholds under the live and the new policy.
type states [2]adaptive.State

// thresholds finds what is in force for an event under both policies. Where history tells what was, that holds for the live one.
func (w *worker) thresholds(it *Item, ev *event.Event, live Engine) {
	w.at = [2]float64{ev.StepUpAt, 0}
	s := w.states[it.partition]
	if s == nil {
		s = new(states)
		w.states[it.partition] = s
	}
	received := it.Enrichment.GetReceivedMs()
	if e, ok := live.(adapting); ok && !it.known() {
		w.at[0] = s[0].StepUpAt(e.Adaptive(ev.Tenant, ev.User.ID), ev.Tenant, received)
	}
	if e, ok := w.cfg.New.(adapting); ok {
		w.at[1] = s[1].StepUpAt(e.Adaptive(ev.Tenant, ev.User.ID), ev.Tenant, received)
	}
}

// observe lets the thresholds learn from both decisions.
func (w *worker) observe(it *Item) {
	s := w.states[it.partition]
	for side, d := range [2]*decision.Decision{&w.old, &w.new} {
		if d.Status == decision.Scored {
			s[side].Observe(d.Tenant, it.Enrichment.GetReceivedMs(), w.at[side], d.PeakFrom, d.PeakTo)
		}
	}
}
