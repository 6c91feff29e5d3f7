package feature

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Hour says how unusual the time of the week is.
type Hour struct {
	Nats float64
	// UTC hour 0..23.
	UTC     int
	Weekend bool
	// History in present observations.
	History float64
}

const (
	// kappa is the width of the kernel around each hour of activity: 4 is about two hours.
	kappa = 4
	// hourPrior is the strength of the population's hours, in observations.
	hourPrior = 5
	// otherDays is what activity on weekdays tells of weekends and the reverse.
	otherDays = 0.3
)

// kernel is the density per hour at a distance of 0..23 hours.
var kernel = func() (k [24]float64) {
	const i0 = 11.301921952136330 // modified Bessel function I0(4)
	for i := range k {
		k[i] = math.Exp(kappa*math.Cos(2*math.Pi*float64(i)/24)) / (24 * i0)
	}
	return k
}()

func (s *Set) hour(in *Input) {
	h := &s.Hour
	slot := profile.HourOf(s.now)
	h.UTC, h.Weekend = slot%24, slot >= 24
	own, other := 0, 24
	if h.Weekend {
		own, other = 24, 0
	}
	w := &in.Profile.Hours.Weight
	var sum, mass float64
	for i := range 24 {
		v := float64(w[own+i]) + float64(otherDays*float64(w[other+i]))
		if v == 0 {
			continue
		}
		mass += v
		sum += float64(v * kernel[(i-h.UTC+24)%24])
	}
	h.History = mass / s.units.network
	if mass == 0 {
		return
	}
	q := in.Baseline.AnyHour()
	if s.Sighting.Known() {
		q = in.Baseline.Hour(h.Weekend, localHour(s.now, s.Sighting.Lon))
	}
	p := (sum/s.units.network + hourPrior*q) / (h.History + hourPrior)
	h.Nats = clip(math.Log(q/p), -0.7, 2)
}

// localHour estimates the hour by the sun, from the longitude in thousandths of a degree.
func localHour(t event.Millis, lon int32) int {
	ms := int64(t) + int64(lon)*240 // 15 degrees are an hour
	hour := (ms / 3_600_000) % 24
	if hour < 0 {
		hour += 24
	}
	return int(hour)
}

// Activity says how unusual the action, its pace and its size are.
type Activity struct {
	// Nats of this action: positive when unusual for the user.
	Nats float64
	// Seen is how often the action was done, After how often right after the one before, Total all actions.
	Seen, After, Total float64
	// Count in the present window of ten minutes, Usual the mean of active windows, Burst the evidence in nats.
	Count uint32
	Usual float64
	Burst float64
	// Z is the size's distance from the usual in standard deviations of its logarithm, Volume the evidence.
	Z, Volume float64
}

const (
	actionStrength = 1.0
	pairStrength   = 2.0
	// maxAction bounds what one action can say.
	maxAction = 2.5
	// smallPayload is never unusual, bytes.
	smallPayload = 64 << 10
)

func (s *Set) activity(in *Input) {
	s.action(in)
	s.burst(in)
	s.volume(in)
}

// action backs off from the pair (previous, this) to the action alone to the population.
func (s *Set) action(in *Input) {
	a := &s.Activity
	unit := s.units.activity
	one := uint32(math.Max(1, math.Round(unit)))
	of := in.Profile.Actions.Lookup(s.Action, one)
	a.Seen, a.Total = float64(of.Own)/unit, float64(of.All)/unit
	if of.All == 0 {
		return
	}
	q := in.Baseline.Action(profile.Hash32(in.Event.Action))
	fresh := actionStrength + discount*float64(of.Kinds)/unit
	p := (math.Max(0, a.Seen-discount*math.Min(1, a.Seen)) + fresh*q) / (a.Total + actionStrength)
	if of.Own == 0 { // the population's share of the action cancels, as in Surprise
		a.Nats = clip(math.Log((a.Total+actionStrength)/fresh), 0, maxAction)
		return
	}
	if prev := previous(in); prev != 0 {
		if before := in.Profile.Actions.Lookup(prev, one).Own; before > 0 {
			a.After = float64(in.Profile.Actions.Follow(prev, s.Action)) / unit
			p = (a.After + pairStrength*p) / (float64(before)/unit + pairStrength)
		}
	}
	a.Nats = clip(math.Log(q/p), -maxAction, maxAction)
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
	x, mu := float64(a.Count), math.Max(a.Usual, 3)
	if x <= mu {
		return
	}
	rate := x*math.Log(x/mu) - (x+shape)*math.Log((x+shape)/(mu+shape))
	a.Burst = windows / (windows + 3) * clip(0.5*(rate-3), 0, 4)
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
	a.Volume = n / (n + 5) * clip(0.7*(a.Z-2), 0, 3)
}

// LogBytes is the logarithm of the payload's size in bytes, as profiles keep it.
func LogBytes(ev *event.Event) float64 { return math.Log1p(float64(ev.Bytes)) }
