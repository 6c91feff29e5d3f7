package feature

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

const (
	// Evidence grows with the square of the logarithm of the speed needed over the speed allowed, to atBend nats at bend, and
	// by perDouble a doubling from there on, up to maxTravel. Uncertainty is taken off the distance before, so that tail
	// winds and rounded clocks end as explanations at the bend: what needs more is a step-up, on a known device too.
	bend, atBend = 1.25, 4.5
	perDouble    = 3.5
	maxTravel    = 8.0
	// sigma67 turns a 67 % radius into a standard deviation of a circular normal.
	sigma67 = 1.489
	// noRadius and mobileSigma stand for radii that are not given or cannot be trusted, km (sigma).
	noRadius    = 50.0
	mobileSigma = 200.0
	// lower is the one-sided 95 % quantile.
	lower = 1.645
	// accessHours is the least that getting to an aeroplane and away from it takes. It counts from accessFrom km on and in
	// full accessFull km further: nobody crosses 300 km at the speed of an airliner from door to door.
	accessHours, accessFrom, accessFull = 0.25, 200.0, 300.0
	// Tail winds carry a flight over an ocean, not half around the earth, and the longest moves need a stop: from longFrom km
	// on a move is held to be harder, by longShare longFull km further.
	longShare, longFrom, longFull = 0.15, 9000.0, 7000.0
)

func sigma(s *profile.Sighting) float64 {
	v := noRadius
	if s.Radius > 0 {
		v = float64(s.Radius) / sigma67
	}
	if s.Kind == event.Mobile {
		v = max(v, mobileSigma)
	}
	return v
}

// leg is one comparison.
type leg struct{ km, lower, hours, kmh, rho float64 }

// between measures the move between two sightings that are dt apart.
func between(a, b *profile.Sighting, dt event.Millis, bounds *Bounds) (l leg) {
	if dt < 0 {
		dt = -dt
	}
	l.hours = float64(dt) / 3.6e6
	l.km = profile.Distance(a.Lat, a.Lon, b.Lat, b.Lon)
	if l.km < bounds.Floor {
		return l
	}
	s1, s2 := sigma(a), sigma(b)
	l.lower = max(0, l.km-lower*math.Sqrt(float64(s1*s1)+float64(s2*s2)))
	available := l.hours + float64(bounds.Slack)/3.6e6
	l.kmh = l.lower / available
	access := accessHours * numeric.Clip((l.lower-accessFrom)/accessFull, 0, 1)
	long := 1 + float64(longShare*numeric.Clip((l.lower-longFrom)/longFull, 0, 1))
	l.rho = float64((l.lower/bounds.Speed+access)*long) / available
	return l
}

// raw is the evidence of a leg before discounts.
func (l *leg) raw() float64 {
	if l.rho <= 1 {
		return 0
	}
	if l.rho > bend {
		return min(maxTravel, atBend+perDouble*numeric.Log2(l.rho/bend))
	}
	x := numeric.Log(l.rho) / numeric.Log(bend)
	return atBend * x * x
}
