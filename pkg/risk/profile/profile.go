// Package profile is what riskd knows of one user: where they log in from, with what, when, what
// they do, the places they have proven to be at, and their recent sessions.
//
// A profile is data, not behaviour: scoring reads it (package feature), the engine writes it. All of it
// is integers and short texts, so that what is decoded is exactly what was encoded, on any machine. All
// of it is bounded by the constants below: no input can make a profile grow past them.
//
// Counts fade with time (see [Clock]) and do not depend on the order events arrive in.
// It holds no raw IP address, device token or user agent, only what is needed to recognise one.
//
// A Profile is not safe for concurrent use.
package profile

import "github.com/riskd-io/riskd/pkg/risk/event"

// The bounds of a profile. Reaching one drops the least used or oldest entry.
const (
	// MaxNetworks is how many countries, ASNs, prefixes and addresses are kept in all.
	MaxNetworks = 40
	// MaxAgents is how many device classes, systems, browsers and versions are kept in all.
	MaxAgents = 24
	// MaxDevices is how many device tokens are kept.
	MaxDevices = 8
	// MaxActions is how many different actions, and as many pairs of successive actions, are kept.
	MaxActions = 32
	// MaxPlaces is how many clusters of 100 km are kept.
	MaxPlaces = 6
	// MaxMoves is how many learned pairs of places are kept.
	MaxMoves = 8
	// MaxSessions is how many sessions are kept at once.
	MaxSessions = 8
	// MaxRecent is how many event identities are kept to recognise duplicates.
	MaxRecent = 256
	// MaxFailures is how many sources of failed logins are kept.
	MaxFailures = 4
	// MaxNovel is how many unusual actions of a session wait to be learned.
	MaxNovel = 8
	// MaxPrompts is how many passed challenges are remembered for the budget.
	MaxPrompts = 8
	// MaxText is the longest text kept (place names, session ids), bytes.
	MaxText = 384
)

// Profile is everything remembered about one user. The zero value is a user never seen.
type Profile struct {
	// Clock holds the landmark all faded counts refer to.
	Clock Clock
	// Watermark is the latest event time seen.
	Watermark event.Millis
	// First is the time of the first event, at second resolution.
	First event.Millis
	// Events counts all scored events; Logins the successful ones of the auth family. Both saturate.
	Events, Logins uint32

	// Networks: country > ASN > prefix (/24 or /48) > address (IPv6: /64).
	Networks Tree
	// Agents: device class > operating system > browser > major version.
	Agents Tree
	// Devices are the tokens of browsers and installations.
	Devices Devices
	// Hours of activity.
	Hours Hours
	// Actions done, and which followed which.
	Actions Actions
	// Rate of actions, and size of payloads.
	Rate Rate
	// Volume moved per event.
	Volume Volume
	// RTT to the networks used, one personal figure.
	RTT Volume

	// Places and the unlikely but proven moves between them.
	Places []Place
	Moves  []Move

	// Sessions, newest last.
	Sessions []Session
	// Failures are recent failed logins by source.
	Failures []Failure
	// Prompts are the times of recently passed challenges, oldest first.
	Prompts []event.Millis
	// Recent event identities.
	Recent Recent
	// Counters of the policy's rules.
	Counters []Counter
	// Lessons are judgements by people.
	Lessons []Lesson
}

// Reset makes p a user never seen and keeps its memory.
func (p *Profile) Reset() {
	*p = Profile{
		Networks: Tree{Nodes: p.Networks.Nodes[:0]},
		Agents:   Tree{Nodes: p.Agents.Nodes[:0]},
		Devices:  p.Devices[:0],
		Actions:  Actions{Single: p.Actions.Single[:0], Pair: p.Actions.Pair[:0]},
		Places:   p.Places[:0],
		Moves:    p.Moves[:0],
		Sessions: p.Sessions[:0], // their own slices are reused by OpenSession and Decode
		Failures: p.Failures[:0],
		Prompts:  p.Prompts[:0],
		Recent:   Recent{ids: p.Recent.ids[:0], times: p.Recent.times[:0]},
		Counters: p.Counters[:0],
		Lessons:  p.Lessons[:0],
	}
}

// Advance moves the watermark to t, when that is later, and keeps counts within their range.
func (p *Profile) Advance(t event.Millis) {
	if p.First == 0 {
		p.First = Seconds(t)
	}
	if t > p.Watermark {
		p.Watermark = t
	}
	p.tidyCounters()
	p.Events = saturate(p.Events, 1)
	epoch := landmark(p.Watermark)
	if p.Events == 1 {
		p.Clock.Epoch = epoch
	}
	if p.Clock.Epoch >= epoch {
		return
	}
	n := uint(min((epoch-p.Clock.Epoch)/rebase, 31)) // after 31 moves nothing is left of 32 bits
	p.Clock.Epoch = epoch
	if p.Clock.Flat {
		return
	}
	p.Networks.fade(min(31, n*rebaseNetwork))
	p.Agents.fade(min(31, n*rebaseDevice))
	p.Devices.fade(min(31, n*rebaseDevice))
	p.Hours.fade(min(31, n*rebaseNetwork))
	p.Actions.fade(min(31, n*rebaseActivity))
	p.fadePlaces(min(31, n*rebaseNetwork))
	p.Rate.fade(min(31, n*rebaseActivity))
}

// Seconds cuts a time to whole seconds, the resolution most of a profile keeps.
func Seconds(t event.Millis) event.Millis { return t - t%1000 }
