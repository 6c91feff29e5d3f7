package profile

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
)

// Hours is when a user is active: a sum per hour of the day (UTC), weekdays in 0..23, weekends in 24..47.
type Hours struct{ Weight [48]uint32 }

// HourOf is the slot of a time in [Hours].
func HourOf(t event.Millis) int {
	hour := int(t / (60 * 60 * 1000) % 24)
	// 1970-01-01 was a Thursday: days 2 and 3 of the cycle are Saturday and Sunday.
	if weekday := t / day % 7; weekday == 2 || weekday == 3 {
		hour += 24
	}
	return hour
}

func (h *Hours) add(t event.Millis, weight uint32) {
	w := &h.Weight[HourOf(t)]
	if *w = saturate(*w, weight); *w > maxWeight {
		h.fade(1)
	}
}

func (h *Hours) fade(n uint) {
	for i := range h.Weight {
		h.Weight[i] = shift(h.Weight[i], n)
	}
}

// Bucket is the length of the windows in which [Rate] counts actions.
const Bucket = event.Millis(10 * 60 * 1000)

// maxRate bounds what one bucket can count.
const maxRate = 1 << 20

// Rate is how many actions a user does per active window of ten minutes.
type Rate struct {
	// Current is the running window (time divided by Bucket), Count what it holds so far.
	Current int64
	Count   uint32
	// Actions and Windows are the faded sums over closed windows.
	Actions, Windows uint32
}

// Add counts n actions at t and reports how many the window of t holds now. A window that is over is learned
// when the next begins, a burst no further than ten times what is usual (so that bursts do not
// become usual at once). Late actions count into the sums without opening a window.
func (r *Rate) Add(t event.Millis, n uint32, unit float64) uint32 {
	n = min(n, maxRate)
	bucket := int64(t / Bucket)
	switch {
	case bucket == r.Current:
		r.Count = min(r.Count+n, maxRate)
		return r.Count
	case bucket < r.Current:
		return n
	}
	r.close(unit)
	r.Current, r.Count = bucket, n
	return n
}

func (r *Rate) fade(n uint) { r.Actions, r.Windows = shift(r.Actions, n), shift(r.Windows, n) }

func (r *Rate) close(unit float64) {
	if r.Count == 0 {
		return
	}
	x := float64(r.Count)
	if r.Windows > 0 {
		x = min(x, 10+10*float64(r.Actions)/float64(r.Windows))
	}
	r.Actions = saturate(r.Actions, weigh(x, unit))
	r.Windows = saturate(r.Windows, weigh(1, unit))
	for r.Actions > maxWeight {
		r.Actions, r.Windows = shift(r.Actions, 1), shift(r.Windows, 1)
	}
}

// Volume is a personal mean and variance of a logarithm, in fixed point.
type Volume struct {
	// N counts observations, up to 1000.
	N uint16
	// Mean and Var in 1/1024 of a nat, and of a nat squared.
	Mean, Var int32
}

const fixed = 1024

// Stats gives mean and standard deviation, nats.
func (v Volume) Stats() (mean, sd float64) {
	return float64(v.Mean) / fixed, math.Sqrt(float64(v.Var)/fixed + 0.05)
}

// Add learns y, cut to three standard deviations of what is known, so that a slow drift is slow.
func (v *Volume) Add(y float64) {
	if v.N == 0 {
		v.Mean, v.Var, v.N = int32(numeric.Round(y*fixed)), fixed/2, 1
		return
	}
	mean, sd := v.Stats()
	e := max(-3*sd, min(3*sd, y-mean))
	alpha := max(0.05, 1/float64(v.N+1))
	v.Mean = int32(numeric.Round((mean + alpha*e) * fixed))
	v.Var = int32(numeric.Round((1 - alpha) * (float64(v.Var)/fixed + alpha*e*e) * fixed))
	if v.N < 1000 {
		v.N++
	}
}
