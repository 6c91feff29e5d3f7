package feature

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Verdict of a travel check.
type Verdict uint8

// The three outcomes.
const (
	// NotEvaluable: no valid position now, or none to compare with.
	NotEvaluable Verdict = iota
	Possible
	Impossible
)

var verdictNames = [...]string{"not_evaluable", "possible", "impossible"}

// String is the verdict's name in details.
func (v Verdict) String() string { return verdictNames[v] }

// Travel is the most telling move between where the user was and where the event is.
type Travel struct {
	Verdict Verdict
	// KM is the great circle; KMLower what remains of it when both positions are as wrong as they may well be (95 %, one side).
	KM, KMLower float64
	// Hours between the two, by event time, without slack. KMH is the speed needed, at least, slack included.
	Hours, KMH float64
	// Nats of evidence, after discounts.
	Nats float64
	// Discount is the factor applied: how sure it is that both positions are the user's own, and the move not usual.
	Discount float64
	// From is the other place.
	From string
	// OwnNats is the evidence against the session's own last place alone.
	OwnNats float64
	// Own tells that it was the session's own last place, Candidate that it was another session's, not proven.
	Own, Candidate bool
	// Later tells that the other sighting is later than the event.
	Later bool
	// Moves is how often the same unlikely move was proven before.
	Moves float64
	// Anchors were compared; Excused are places that would have been impossible but for discounts.
	Anchors, Excused int
	// Home tells that the position is at a proven place.
	Home bool
	// Rho is the time needed at the speed allowed over the time there was, before discounts.
	Rho float64
}

// anchorKind is what a place counts as.
type anchorKind uint8

const (
	anchorProven anchorKind = iota
	anchorOwn
	anchorCandidate
)

func (s *Set) travel(in *Input) {
	t := &s.Travel
	here := &s.Sighting
	if !here.Known() {
		return
	}
	p, at := in.Profile, in.Event.Time
	near := p.PlaceNear(here.Lat, here.Lon)
	t.Home = near >= 0 && float64(p.Places[near].Weight) >= s.units.network
	machine := in.Event.User.Kind != event.Person
	position := Position
	if machine { // a machine is where its servers are, and a cloud has them everywhere
		clouds := here.Kind == event.Hosting
		position = func(k event.NetworkKind) float64 {
			if clouds && k == event.Hosting {
				return 0.4
			}
			return 1
		}
	}
	trust := position(here.Kind) * s.exitDiscount(in, near)
	for i := range p.Places {
		pl := &p.Places[i]
		dt, later := apart(at, pl.Since, pl.At)
		if i == near || dt > in.Bounds.Memory {
			if i == near && dt <= in.Bounds.Memory {
				t.Anchors++
				t.Verdict = max(t.Verdict, Possible)
			}
			continue
		}
		moves := float64(0)
		if near >= 0 {
			moves = float64(p.MoveWeight(i, near)) / s.units.network
		}
		f := trust * position(pl.Kind) / (1 + 3*moves)
		if !machine && Position(pl.Kind) < 1 {
			f /= 1 + 0.5*float64(pl.Weight)/s.units.network // a usual exit says little of where its user is
		}
		s.compare(in, &pl.Sighting, dt, later, f, moves, anchorProven)
	}
	s.candidates(in, trust)
}

// candidateTrust is what another session's unproven place counts.
const candidateTrust = 0.4

// candidates compares with places of sessions that nothing proved: fully with the session's own, half with
// others', not at all with those under question or when the event comes from a proven place: then the
// other session is the odd one, and its own next event will show it.
func (s *Set) candidates(in *Input, trust float64) {
	here, at := &s.Sighting, in.Event.Time
	for i := range in.Profile.Sessions {
		o := &in.Profile.Sessions[i]
		if !o.Seen.Known() {
			continue
		}
		own := in.Own && (o == in.Session || o == in.Parent)
		if !own && (o.Learned || o.Open() || s.Travel.Home) {
			continue
		}
		if own && o.Context.Network[3] != 0 && o.Context.Network[2] == s.Context.Network[2] && o.Context.Network[3] == s.Context.Network[3] {
			s.Travel.Anchors++
			s.Travel.Verdict = max(s.Travel.Verdict, Possible)
			continue // the same address; only its position was looked up differently
		}
		dt, later := apart(at, o.Seen.At, o.Seen.At)
		if dt > in.Bounds.Memory {
			continue
		}
		f := trust * Position(o.Seen.Kind)
		if own && s.Travel.Home { // back from where the session went unquestioned: the way there was the move
			f *= 0.5
		}
		if rt := s.Context.Runtime(); own && rt != 0 && rt == o.Context.Runtime() && here.Country != 0 && here.Country == o.Seen.Country {
			f *= 0.4 // the same browser in mid-session, in the same country: another gateway
		}
		kind := anchorOwn
		if !own {
			f *= candidateTrust
			kind = anchorCandidate
		}
		s.compare(in, &o.Seen, dt, later, f, 0, kind)
	}
}

func (s *Set) compare(in *Input, there *profile.Sighting, dt event.Millis, later bool, discount, moves float64, anchor anchorKind) {
	t := &s.Travel
	t.Anchors++
	t.Verdict = max(t.Verdict, Possible)
	l := between(there, &s.Sighting, dt, &in.Bounds)
	if l.rho == 0 { // no move
		if anchor == anchorOwn {
			t.OwnNats = 0
		}
		return
	}
	raw := l.raw()
	handheld := s.Context.Agent[0] == phone || s.Context.Agent[0] == tablet
	discount *= gateways(&s.Sighting, there, handheld, l.km) * vague(there, l.km) * vague(&s.Sighting, l.km)
	nats := raw * discount
	if raw > 1 && nats < 1 {
		t.Excused++
	}
	if anchor == anchorOwn {
		t.OwnNats = nats
	}
	// The most telling move is shown; without any, the one that needs most speed.
	if nats < t.Nats || nats == t.Nats && l.rho <= t.Rho {
		return
	}
	t.KM, t.KMLower, t.Hours, t.KMH, t.Rho = l.km, l.lower, l.hours, l.kmh, l.rho
	t.Nats, t.Discount, t.Moves = nats, discount, moves
	t.From, t.Own, t.Candidate, t.Later = there.Name, anchor == anchorOwn, anchor == anchorCandidate, later
	if l.rho > 1 {
		t.Verdict = Impossible
	}
}

// apart is the time between an event and a stay, 0 at least, and whether the stay's sighting is later. Inside a stay
// the nearer end counts.
func apart(at, since, last event.Millis) (dt event.Millis, later bool) {
	switch {
	case at >= last:
		return at - last, false
	case at <= since:
		return since - at, true
	case at-since < last-at:
		return at - since, false
	}
	return last - at, true
}

// Unlikely tells whether a sighting could not be reached from a proven place at the speed allowed.
func Unlikely(pl *profile.Place, seen *profile.Sighting, bounds *Bounds) bool {
	dt, _ := apart(seen.At, pl.Since, pl.At)
	if dt > bounds.Memory {
		return false
	}
	l := between(&pl.Sighting, seen, dt, bounds)
	return l.rho > 1
}

// Conflicts tells whether a sighting contradicts one of the proven places.
func Conflicts(p *profile.Profile, seen *profile.Sighting, bounds *Bounds) bool {
	for i := range p.Places {
		pl := &p.Places[i]
		if Position(pl.Kind)*Position(seen.Kind) > 0.25 && Unlikely(pl, seen, bounds) {
			return true
		}
	}
	return false
}
