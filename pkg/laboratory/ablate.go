package laboratory

import (
	"encoding/binary"
	"net/netip"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Ablations that no part of the sum stands for: the same engine is shown less.

// WithoutBackOff shows an engine every address and every user agent as one value of its own: known to the letter or not at
// all, without the network, country, browser or system it belongs to. Positions stay, for travel.
func WithoutBackOff(e Engine) Engine { return exact{e} }

type exact struct{ Engine }

func (x exact) Step(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	flat := *ev
	n := &flat.Network
	n.ASN, n.ASOrg, n.Place.Country = 0, "", ""
	if n.IP.IsValid() {
		// An address in a /48 of its own, so that no two share anything.
		var a [16]byte
		binary.BigEndian.PutUint64(a[:], profile.Hash64(ipKey(ev))>>16<<16)
		n.IP = netip.AddrFrom16(a)
	}
	if a := &flat.Agent; a.Raw != "" {
		*a = event.AgentInfo{Raw: a.Raw, Browser: a.Raw}
	}
	x.Engine.Step(p, &flat, d)
}

// WithoutDecay makes what was seen count for ever.
func WithoutDecay(e Engine) Engine { return unfading{e} }

type unfading struct{ Engine }

func (u unfading) Step(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	p.Clock.Flat = true
	u.Engine.Step(p, ev, d)
}

// WithoutSession shows an engine every event as a session of its own: nothing is held, and nothing can change within.
func WithoutSession(e Engine) Engine { return alone{e} }

type alone struct{ Engine }

func (a alone) Step(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	single := *ev
	if single.Session.ID != "" {
		single.Session.ID = single.ID
	}
	single.Attributes = nil // it may name the session it branched off
	a.Engine.Step(p, &single, d)
}
