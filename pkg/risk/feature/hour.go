package feature

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
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
	// hourImitated is the share of attackers who are awake when the user is.
	hourImitated = 0.4
)

// kernel is the density per hour at a distance of -24..23 hours.
var kernel = func() (k [48]float64) {
	const i0 = 11.301921952136330 // modified Bessel function I0(4)
	for i := range k {
		k[i] = numeric.Exp(kappa*math.Cos(2*math.Pi*float64(i)/24)) / (24 * i0)
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
	here, there := (*[24]uint32)(w[own:]), (*[24]uint32)(w[other:])
	around := (*[24]float64)(kernel[24-h.UTC:])
	var sum, mass float64
	for i := range 24 {
		if here[i]|there[i] == 0 {
			continue
		}
		v := float64(here[i]) + float64(otherDays*float64(there[i]))
		mass += v
		sum += float64(v * around[i])
	}
	h.History = mass / s.units.network
	if mass == 0 {
		return
	}
	q := in.Baseline.AnyHour()
	if s.Sighting.Known() {
		q = in.Baseline.Hour(h.Weekend, localHour(s.now, s.Sighting.Lon))
	}
	// Attackers come at any hour; the comparison moves from the population's hours to the user's as history grows.
	p := sum/s.units.network + hourPrior*q
	any := h.History*in.Baseline.AnyHour() + hourPrior*q
	h.Nats = numeric.Clip(numeric.Log(hourImitated+(1-hourImitated)*any/p), -0.7, 1.5)
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
