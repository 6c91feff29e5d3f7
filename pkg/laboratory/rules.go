package laboratory

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// lastSeen is what the hand-written methods remember of a user.
type lastSeen struct {
	place     event.Place
	at        event.Millis
	ips       map[string]bool
	agents    map[string]bool
	networks  map[uint32]bool
	countries map[string]bool
	tokens    map[string]bool
}

type memory map[userKey]*lastSeen

func (m memory) learn(ev *event.Event) {
	u := m[keyOf(ev)]
	if u == nil {
		u = &lastSeen{
			ips: map[string]bool{}, agents: map[string]bool{}, networks: map[uint32]bool{},
			countries: map[string]bool{}, tokens: map[string]bool{},
		}
		m[keyOf(ev)] = u
	}
	u.place, u.at = ev.Network.Place, ev.Time
	u.ips[ipKey(ev)] = true
	u.agents[ev.Agent.Raw] = true
	u.networks[ev.Network.ASN] = true
	u.countries[ev.Network.Place.Country] = true
	if ev.Device != "" {
		u.tokens[ev.Device] = true
	}
}

// speed is the km/h from the last place, centre to centre, as most products compute it.
// The same instant counts as one second.
func (u *lastSeen) speed(ev *event.Event) float64 {
	if !u.place.Known || !ev.Network.Place.Known {
		return 0
	}
	hours := math.Max(float64(ev.Time-u.at), 1000) / 3.6e6
	return kilometres(u.place, ev.Network.Place) / hours
}

func kilometres(a, b event.Place) float64 {
	const radius, deg = 6371.0088, math.Pi / 180
	s1, s2 := math.Sin((b.Lat-a.Lat)*deg/2), math.Sin((b.Lon-a.Lon)*deg/2)
	return 2 * radius * math.Asin(math.Sqrt(s1*s1+math.Cos(a.Lat*deg)*math.Cos(b.Lat*deg)*s2*s2))
}

// rule is a method without a model: a function of what was seen before.
type rule struct {
	name string
	memory
	score func(u *lastSeen, ev *event.Event) float64
}

// Name implements [Comparator].
func (r *rule) Name() string { return r.name }

// Learn implements [Comparator].
func (r *rule) Learn(ev *event.Event) { r.learn(ev) }

// Score implements [Comparator]. A user never seen scores 0: these rules have nothing to say.
func (r *rule) Score(ev *event.Event) float64 {
	u := r.memory[keyOf(ev)]
	if u == nil {
		return 0
	}
	return r.score(u, ev)
}

// NewSpeed asks only for the speed since the last login, km/h.
func NewSpeed() Comparator {
	return &rule{name: "speed", memory: memory{}, score: (*lastSeen).speed}
}

// NewExactMatch counts what differs to the letter: address and user agent.
func NewExactMatch() Comparator {
	return &rule{name: "exact ip+ua", memory: memory{}, score: func(u *lastSeen, ev *event.Event) float64 {
		return points(!u.ips[ev.Network.IP.String()] && !u.ips[ipKey(ev)], 1) + points(!u.agents[ev.Agent.Raw], 1)
	}}
}

// NewCountryOrDevice fires on a country or a device token never seen.
func NewCountryOrDevice() Comparator {
	return &rule{name: "new country/device", memory: memory{}, score: func(u *lastSeen, ev *event.Event) float64 {
		return points(!u.countries[ev.Network.Place.Country], 1) + points(len(u.tokens) > 0 && !u.tokens[ev.Device], 1)
	}}
}

// NewPoints is the rule a good engineer writes by hand in an afternoon where devices carry
// tokens: 40 for a missing token, 30 for a new country, 15 for a new network, 10 for a new
// user agent, 5 for a new address, 50 for a speed over 900 km/h.
func NewPoints() Comparator {
	return &rule{name: "points", memory: memory{}, score: func(u *lastSeen, ev *event.Event) float64 {
		return points(len(u.tokens) > 0 && !u.tokens[ev.Device], 40) +
			points(!u.countries[ev.Network.Place.Country], 30) +
			points(!u.networks[ev.Network.ASN], 15) +
			points(!u.agents[ev.Agent.Raw], 10) +
			points(!u.ips[ipKey(ev)], 5) +
			points(u.speed(ev) > 900, 50)
	}}
}

func points(fires bool, p float64) float64 {
	if fires {
		return p
	}
	return 0
}
