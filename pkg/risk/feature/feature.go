// Package feature measures one event against one profile: how new its network and device are, what speed
// a move would need, how unusual hour, action, rate and size are. It gives numbers with units and likelihood
// ratios in nats; package score decides what they count for together.
//
// It only reads. Nothing here keeps state.
package feature

import (
	"math"
	"strconv"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Bounds are the limits a policy sets on what is possible.
type Bounds struct {
	// Speed allowed, km/h; Floor is the distance below which nothing is said, km.
	Speed, Floor float64
	// Slack is added to the time between two sightings; Memory is how long a place counts.
	Slack, Memory event.Millis
}

// Input is what a measurement reads.
type Input struct {
	Event    *event.Event
	Profile  *profile.Profile
	Baseline *baseline.Baseline
	Bounds   Bounds
	// Session is the event's session before the event; nil when it begins now.
	Session *profile.Session
	// Own tells that the session id came with the event, so that one session is one browser.
	Own bool
	// Before is the user's latest event time before this event; 0 when there is none.
	Before event.Millis
	// Parent is the session this one branched off by a change of browser; nil if none.
	Parent *profile.Session
}

// Set is everything measured on one event.
type Set struct {
	// Context and Sighting are the event's surroundings as keys. Sighting is unknown (At 0) without a valid position.
	Context  profile.Context
	Sighting profile.Sighting
	// Action names what was done, for counting.
	Action uint32

	Network  Network
	Agent    Agent
	Device   Device
	Travel   Travel
	Hour     Hour
	Activity Activity
	Failures Failures
	Switch   Switch
	RTT      RTT
	// IdleDays is how long the user had not been seen, 0 for a user never seen before.
	IdleDays float64

	units units
	now   event.Millis
}

// units are the present weights of one observation, per half life.
type units struct{ network, device, activity float64 }

// Measure fills s, which must be empty, from in.
func (s *Set) Measure(in *Input) {
	ev, p := in.Event, in.Profile
	s.now = ev.Time
	s.units.network, s.units.device, s.units.activity = p.Clock.Scales(ev.Time)
	if in.Before > 0 && ev.Time > in.Before {
		s.IdleDays = float64(ev.Time-in.Before) / 8.64e7
	}
	s.context(ev)
	s.network(in)
	s.agent(in)
	s.device(in)
	s.travel(in)
	s.hour(in)
	s.activity(in)
	s.failures(in)
	s.switched(in)
	s.rtt(in)
}

// Surroundings reads an event's surroundings as keys; what is unknown is 0.
func Surroundings(ev *event.Event) (profile.Context, profile.Sighting) {
	var s Set
	s.context(ev)
	return s.Context, s.Sighting
}

// context reads the event's surroundings as keys.
func (s *Set) context(ev *event.Event) {
	c := &s.Context
	place := &ev.Network.Place
	c.Network[0] = profile.Country(place.Country)
	c.Network[1] = ev.Network.ASN
	c.Network[2], c.Network[3] = profile.Address(ev.Network.IP)
	c.Kind = ev.Network.Kind
	c.Device = profile.Hash64(ev.Device)
	a := &ev.Agent
	c.Agent[0] = profile.Hash32(a.Class)
	c.Agent[1] = profile.Hash32(a.OS)
	c.Agent[2] = profile.Hash32(a.Browser)
	c.Agent[3] = a.BrowserMajor
	if a.Browser == "" && a.OS == "" && a.Raw != "" {
		// An unparsed agent, such as a command line tool: the product name before the first slash.
		product, _, _ := strings.Cut(a.Raw, "/")
		c.Agent[2] = profile.Hash32(product)
	}
	if place.Known && valid(place.Lat, place.Lon) {
		s.Sighting = profile.Sighting{
			Lat: int32(numeric.Round(place.Lat * 1000)), Lon: int32(numeric.Round(place.Lon * 1000)),
			Radius: radius(place.RadiusKM), Kind: ev.Network.Kind, ASN: ev.Network.ASN, Country: c.Network[0],
			At: max(profile.Seconds(ev.Time), 1000),
		}
	}
	s.Action = ActionKey(ev)
}

// ActionKey names an action together with the kind of thing it was done to: the kind in the upper half, 0 for none,
// so that two actions on one kind can be told from two kinds. Getting in and out (auth.*) is not activity and gives
// 0: somebody who was only seen logging in has no history of deeds to deviate from.
func ActionKey(ev *event.Event) uint32 {
	if strings.HasPrefix(ev.Action, "auth.") {
		return 0
	}
	k := profile.Hash32(ev.Action)
	if ev.Resource.Sensitivity >= event.Restricted {
		k = profile.Mix32(k, uint32(ev.Resource.Sensitivity))
	}
	k &= 0xffff
	if ev.Resource.Type != "" {
		k |= profile.Hash32(ev.Resource.Type) &^ 0xffff
	}
	return max(k, 1)
}

// valid refuses coordinates that cannot be meant: not numbers, out of range, or the null island that
// databases give for "nowhere".
func valid(lat, lon float64) bool {
	return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 && (lat != 0 || lon != 0)
}

func radius(km float64) uint16 {
	if !(km > 0) {
		return 0
	}
	return uint16(min(math.Ceil(km), 5000))
}

// PlaceName is how a place is shown: "London, GB", or by its coordinates when it has no name. It allocates.
func PlaceName(p *event.Place) string {
	switch {
	case p.City == "" && p.Country == "":
		return strconv.FormatFloat(p.Lat, 'f', 2, 64) + ", " + strconv.FormatFloat(p.Lon, 'f', 2, 64)
	case p.City == "":
		return p.Country
	case p.Country == "":
		return p.City
	}
	return p.City + ", " + p.Country
}
