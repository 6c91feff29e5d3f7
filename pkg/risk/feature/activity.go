package feature

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Activity says how unusual the action, its pace and its size are.
type Activity struct {
	// Nats of this action: positive when unusual for the user.
	Nats float64
	// Seen is how often the action was done, After how often right after the one before, Total all actions.
	Seen, After, Total float64
	// Same tells that it is what the session did just before, Again how often that was so in a row, and GoesOn what once more says
	// for somebody working through a list, who hardly ever stops, against the user's own way of going on; nats. Run is the evidence.
	Same   bool
	Again  float64
	GoesOn float64
	Run    float64
	// Repeated tells that the session did this unusual action before.
	Repeated bool
	// Typical is the share of the user's actions that are as rare as this one or rarer.
	Typical float64
	// Count in the present window of ten minutes, Usual the mean of active windows, Burst the evidence in nats.
	Count uint32
	Usual float64
	Burst float64
	// Z is the size's distance from the usual in standard deviations of its logarithm, Volume the evidence.
	Z, Volume float64
}

const (
	actionStrength = 1.0
	discount       = 0.5
	pairStrength   = 2.0
	// ordinary is the surprise that ordinary work has, nats: that of a typical share of a fifth.
	ordinary = 1.6
	// maxAction bounds what one action can say, pairWeight what the order of usual actions says.
	maxAction  = 3.0
	pairWeight = 0.25
	// again is what doing the same unusual thing once more says, or another thing of the same unusual kind.
	again = 0.4
	// pairHistory is how often the action before must have been done for its successors to be known.
	pairHistory = 10
	// goesOn is how likely somebody who works through a list is to take the next of the same; runStrength and runShare are the prior
	// of the user's own way, leastRun bounds what is believed of it.
	goesOn, runStrength, runShare, leastRun = 0.98, 4.0, 0.6, 0.3
	// runSlack is how much of it is nothing unusual, and maxRun bounds it, nats: people do have long lists to work through.
	runSlack, maxRun = 2.5, 3.0
	// smallPayload is never unusual, bytes.
	smallPayload = 64 << 10
)

func (s *Set) activity(in *Input) {
	s.action(in)
	s.run(in)
	s.burst(in)
	s.volume(in)
}

// action measures how typical the action is: the share of everything the user does that is as rare or rarer,
// something new included. Its negative logarithm is about 1 on average for the user's own actions, whatever their
// mix, and needs no knowledge of what others do.
func (s *Set) action(in *Input) {
	a := &s.Activity
	unit := s.units.activity
	one := uint32(max(1, numeric.Round(unit)))
	of := in.Profile.Actions.Lookup(s.Action, one)
	a.Seen, a.Total = float64(of.Own)/unit, float64(of.All)/unit
	if of.All == 0 || s.Action == 0 {
		return
	}
	fresh := actionStrength + discount*float64(of.Kinds)/unit
	a.Typical = min(1, (float64(of.Rarer)/unit+fresh)/(a.Total+actionStrength))
	prev := previous(in)
	a.Nats = numeric.Clip(-numeric.Log(a.Typical)-ordinary, -maxAction, maxAction) * a.Total / (a.Total + 5)
	if a.Nats > 0 {
		a.Nats /= 1 + a.Seen // rare, yet the user's own
	}
	if a.Repeated = repeated(in, s.Action); a.Repeated || prev == s.Action {
		a.Nats *= again
		return
	}
	if prev == 0 || of.Own == 0 {
		return
	}
	before := float64(in.Profile.Actions.Lookup(prev, one).Own) / unit
	if before < pairHistory {
		return
	}
	a.After = float64(in.Profile.Actions.Follow(prev, s.Action)) / unit
	p := (a.After + pairStrength*a.Seen/a.Total) / (before + pairStrength)
	a.Nats += pairWeight * numeric.Clip(-numeric.Log(p)-2*ordinary, -1, 3)
}

// run measures doing one usual thing over and over: reading customer after customer, say.
func (s *Set) run(in *Input) {
	a := &s.Activity
	if a.Same = s.Action != 0 && previous(in) == s.Action; !a.Same {
		return
	}
	a.Again = 1
	if n := in.Session.Held.Again; n > 0 {
		a.Again += float64(float64(n) * numeric.Exp2(-float64(s.now-in.Session.Last)/float64(runHalfLife)))
	}
	before := a.Seen
	if before < pairHistory {
		return
	}
	a.After = float64(in.Profile.Actions.Follow(s.Action, s.Action)) / s.units.activity
	p := (a.After + runStrength*runShare) / (before + runStrength)
	a.GoesOn = max(0, numeric.Log(goesOn/numeric.Clip(p, leastRun, 1)))
	a.Run = numeric.Clip(a.Again*a.GoesOn-runSlack, 0, maxRun)
}

// runHalfLife is how fast a run is forgotten while the session pauses.
const runHalfLife = event.Millis(10 * 60 * 1000)

// repeated tells whether the session's unusual actions include this one, or another one with the same kind of thing: a
// new piece of work has several steps, and is new once.
func repeated(in *Input, key uint32) bool {
	if in.Session == nil {
		return false
	}
	for _, k := range in.Session.Novel {
		if k == key || k>>16 == key>>16 && key>>16 != 0 {
			return true
		}
	}
	return false
}

func previous(in *Input) uint32 {
	if in.Session == nil || in.Event.Time < in.Session.Last {
		return 0
	}
	return in.Session.LastAction
}

// burst is a bound on how unlikely at least this many actions in a window are, if windows are a Gamma-Poisson
// mixture with the user's mean and a wide spread (Chernoff, so that thousands cost no more than three).
func (s *Set) burst(in *Input) {
	a := &s.Activity
	r := &in.Profile.Rate
	a.Count = max(in.Event.Count, 1)
	if bucket := int64(s.now / profile.Bucket); bucket == r.Current {
		a.Count += r.Count
	}
	windows := float64(r.Windows) / s.units.activity
	if windows == 0 {
		return
	}
	a.Usual = float64(r.Actions) / float64(r.Windows)
	const shape = 2.0
	x, mu := float64(a.Count), max(a.Usual, 3)
	if x <= mu {
		return
	}
	rate := x*numeric.Log(x/mu) - (x+shape)*numeric.Log((x+shape)/(mu+shape))
	a.Burst = windows / (windows + 3) * numeric.Clip(0.5*(rate-3), 0, 4)
}

func (s *Set) volume(in *Input) {
	v := in.Profile.Volume
	if in.Event.Bytes < smallPayload || v.N == 0 {
		return
	}
	mean, sd := v.Stats()
	a := &s.Activity
	a.Z = (LogBytes(in.Event) - mean) / sd
	n := float64(v.N)
	a.Volume = n / (n + 5) * numeric.Clip(0.7*(a.Z-2), 0, 3)
}

// LogBytes is the logarithm of the payload's size in bytes, as profiles keep it.
func LogBytes(ev *event.Event) float64 { return math.Log1p(float64(ev.Bytes)) }
