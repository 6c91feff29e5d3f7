package laboratory

import (
	"math"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// The rules of open systems, re-implemented from their published descriptions and formulas, not from
// their code. Where a system answers yes or no, the score is 0 or 1; where its answer is a cut through a number
// (a speed, a log-odds), the score is the number, so that each method may choose its best threshold: milder to them
// than their own defaults. All of them look at successful logins only, and take an honest login as their new
// reference, as they do; that a thief's login would become the reference too is not held against them here.

// seen is what these rules remember of a user, newest login last.
type seen struct {
	logins    []sighting // at most rememberedLogins
	ips       map[string]bool
	countries map[string]event.Millis
	cities    map[string]bool
	agents    map[string]bool
	// sin, cos of the hour, faded: the circular mean of Keycloak's time pattern.
	sin, cos float64
	n        int
	first    event.Millis
}

type sighting struct {
	at event.Millis
	ev event.Network
	ip string
}

const rememberedLogins = 5

// published is a rule of an open system.
type published struct {
	name  string
	users map[userKey]*seen
	score func(u *seen, ev *event.Event) float64
}

func newPublished(name string, score func(u *seen, ev *event.Event) float64) *published {
	return &published{name: name, users: map[userKey]*seen{}, score: score}
}

// Name implements [Comparator].
func (p *published) Name() string { return p.name }

// Score implements [Comparator]; a user never seen scores 0.
func (p *published) Score(ev *event.Event) float64 {
	u := p.users[keyOf(ev)]
	if u == nil {
		return 0
	}
	return p.score(u, ev)
}

// Learn implements [Comparator].
func (p *published) Learn(ev *event.Event) {
	u := p.users[keyOf(ev)]
	if u == nil {
		u = &seen{ips: map[string]bool{}, countries: map[string]event.Millis{}, cities: map[string]bool{}, agents: map[string]bool{}, first: ev.Time}
		p.users[keyOf(ev)] = u
	}
	if len(u.logins) == rememberedLogins {
		u.logins = append(u.logins[:0], u.logins[1:]...)
	}
	u.logins = append(u.logins, sighting{ev.Time, ev.Network, ev.Network.IP.String()})
	u.ips[ev.Network.IP.String()] = true
	u.countries[ev.Network.Place.Country] = ev.Time
	u.cities[cityKey(ev)] = true
	u.agents[ev.Agent.Raw] = true
	s, c := math.Sincos(2 * math.Pi * hourOfDay(ev.Time) / 24)
	u.sin, u.cos = 0.9*u.sin+0.1*s, 0.9*u.cos+0.1*c
	u.n++
}

func cityKey(ev *event.Event) string { return ev.Network.Place.City + ", " + ev.Network.Place.Country }

func hourOfDay(t event.Millis) float64 { return float64(t%86_400_000) / 3.6e6 }

func hoursBetween(a, b event.Millis) float64 { return float64(b-a) / 3.6e6 }

// NewAuthentik is authentik's GeoIP policy with its defaults: refused when the distance to any of the last five logins
// is more than 1000 km/h allow, less a tolerance of 50 km, or the place unknown. Its hours were counted as whole days, at least
// one; fixed counts real hours and adds the tolerance, as its later version does. Score: the excess in km.
func NewAuthentik(fixed bool) Comparator {
	name := "authentik"
	if fixed {
		name = "authentik (fixed)"
	}
	return newPublished(name, func(u *seen, ev *event.Event) float64 {
		if !ev.Network.Place.Known {
			return points(!fixed, 1)
		}
		worst := math.Inf(-1)
		for i := range u.logins {
			l := &u.logins[i]
			if !l.ev.Place.Known {
				continue
			}
			km := kilometres(l.ev.Place, ev.Network.Place)
			if fixed {
				worst = max(worst, km-(1000*max(1, hoursBetween(l.at, ev.Time))+50))
				continue
			}
			days := max(1, math.Floor(hoursBetween(l.at, ev.Time)/24))
			worst = max(worst, km-(1000*days-50))
		}
		return max(worst, -1e6)
	})
}

// NewPanther is Panther's rule for impossible travel: speed from the one login remembered, for a day; nothing from the
// same address; VPN, relay and the satellite network it names do not alert. Score: km/h.
func NewPanther() Comparator {
	return newPublished("panther", func(u *seen, ev *event.Event) float64 {
		l := &u.logins[len(u.logins)-1]
		hours := hoursBetween(l.at, ev.Time)
		switch {
		case hours > 24, l.ip == ev.Network.IP.String(), !l.ev.Place.Known, !ev.Network.Place.Known:
			return 0
		case ev.Network.Kind == event.VPN, ev.Network.Kind == event.Relay, ev.Network.ASN == 22351:
			return 0
		}
		km := kilometres(l.ev.Place, ev.Network.Place)
		if km < 50 && hours < 1.0/6 {
			return min(km/max(hours, 1e-4), 100) // reported as LOW
		}
		return km / max(hours, 1e-4)
	})
}

// NewBuffaLogs is BuffaLogs with its default filters: over 300 km/h and 100 km, only from an address never seen, not in the
// same country, not from phones, not before 14 days; and a country not seen for 30 days. Score: alerts.
func NewBuffaLogs() Comparator {
	return newPublished("buffalogs", func(u *seen, ev *event.Event) float64 {
		if hoursBetween(u.first, ev.Time) < 14*24 {
			return 0
		}
		l := &u.logins[len(u.logins)-1]
		alerts := 0.0
		last, known := u.countries[ev.Network.Place.Country]
		alerts += points(!known || hoursBetween(last, ev.Time) > 30*24, 1)
		phone := strings.Contains(ev.Agent.Raw, "iPhone") || strings.Contains(ev.Agent.Raw, "iPad") || strings.Contains(ev.Agent.Raw, "Android")
		if l.ev.Place.Known && ev.Network.Place.Known && !u.ips[ev.Network.IP.String()] && !phone && l.ev.Place.Country != ev.Network.Place.Country {
			km := kilometres(l.ev.Place, ev.Network.Place)
			alerts += points(km > 100 && km/max(hoursBetween(l.at, ev.Time), 1e-4) > 300, 1)
		}
		return alerts
	})
}

// NewBCGov is the travel rule of bcgov/risk-based-authn: distance less both accuracy radii against 1000 km/h, the last login
// kept for about 40 hours; a network absent from its file lies at 0,0. Score: the excess in km.
func NewBCGov() Comparator {
	return newPublished("bcgov", func(u *seen, ev *event.Event) float64 {
		l := &u.logins[len(u.logins)-1]
		hours := hoursBetween(l.at, ev.Time)
		if hours > 40.075 {
			return -1e6
		}
		km := kilometres(l.ev.Place, ev.Network.Place) - l.ev.Place.RadiusKM - ev.Network.Place.RadiusKM
		return max(km, 0) - 1000*hours
	})
}

// NewKeycloakAdaptive is the login side of Keycloak's adaptive extension: log-odds of hand-set evidence for a new address,
// city and country, a new browser and an unusual hour (distance from the circular mean). Score: log-odds.
func NewKeycloakAdaptive() Comparator {
	return newPublished("keycloak adaptive", func(u *seen, ev *event.Event) float64 {
		odds := -0.5
		odds += pick(u.ips[ev.Network.IP.String()], -0.3, 1.5)
		_, country := u.countries[ev.Network.Place.Country]
		switch {
		case u.cities[cityKey(ev)]:
			odds -= 0.3
		case country:
			odds += 0.4
		default:
			odds += 0.8
		}
		odds += pick(u.agents[ev.Agent.Raw], -0.3, 0.8)
		if u.n >= 5 {
			mean := math.Atan2(u.sin, u.cos) / (2 * math.Pi) * 24
			off := math.Abs(math.Mod(hourOfDay(ev.Time)-mean+36, 24) - 12)
			odds += pick(off <= 4, 0, pick(off <= 8, 0.1, 0.4))
		}
		return odds
	})
}

func pick(yes bool, a, b float64) float64 {
	if yes {
		return a
	}
	return b
}

// Published returns every open system that is compared, in the order of the tables.
func Published() []Comparator {
	return []Comparator{NewKeycloakAdaptive(), NewAuthentik(false), NewAuthentik(true), NewPanther(), NewBCGov(), NewBuffaLogs()}
}
