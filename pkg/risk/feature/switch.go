package feature

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Switch says what changed inside a session. A session is one browser on one device: its network may
// change, its browser and device may not.
type Switch struct {
	// Agent: another system or browser. Token: another device token, or none any more.
	// Network: another ASN that is new to the user. Country likewise.
	Agent, Token, Network, Country bool
	// Branch: the app reported another browser in the session, without any of the above.
	Branch bool
	// Nats of the strongest, and a little for the others.
	Nats float64
}

func (s *Set) switched(in *Input) {
	if !in.Own {
		return
	}
	from := in.Parent
	if from == nil {
		from = in.Session
	}
	if from == nil || in.Event.Time < from.Last {
		return
	}
	w := &s.Switch
	before, now := &from.Context, &s.Context
	var best, rest float64
	count := func(v float64) {
		if v > best {
			best, v = v, best
		}
		rest += v
	}
	if a, b := before.Runtime(), now.Runtime(); a != 0 && b != 0 && a != b && browser(before.Agent[0]) {
		w.Agent = true
		if s.Agent.New == "" || s.Agent.New == "major" {
			count(2.5) // one of the user's own, yet not in this session
		} else {
			count(4)
		}
	}
	if before.Device != 0 && now.Device != before.Device {
		w.Token = true
		switch s.Device.Token {
		case TokenValid:
			count(1)
		case TokenMissing, TokenUnknown:
			count(1.5)
		default:
			count(3.5)
		}
	}
	if in.Parent != nil && best == 0 {
		w.Branch = true
		count(2.5) // the app saw another browser, though nothing here shows it
	}
	if s.Device.Token != TokenValid || s.Device.Moved { // a known device may change its network
		s.switchedNetwork(before, count)
	}
	w.Nats = min(best+0.3*rest, 5)
}

// browser tells classes of devices on which a session stays in one browser; tools and libraries share sessions.
func browser(class uint32) bool { return class == desktop || class == phone || class == tablet }

var desktop, phone, tablet = profile.Hash32("desktop"), profile.Hash32("phone"), profile.Hash32("tablet")

func (s *Set) switchedNetwork(before *profile.Context, count func(float64)) {
	w, now := &s.Switch, &s.Context
	// A tunnel that is switched on, a plane's wifi or a carrier's gateway moves the exit, not the user.
	own := max(0.2, Position(now.Kind))
	if now.Kind == event.Hosting {
		own = 1
	}
	unknownASN := s.Network.New == "country" || s.Network.New == "asn"
	if before.Network[0] != 0 && now.Network[0] != 0 && before.Network[0] != now.Network[0] && s.Network.New == "country" {
		w.Country = true
		count(1.5 * own)
	}
	if before.Network[1] != 0 && now.Network[1] != 0 && before.Network[1] != now.Network[1] && unknownASN {
		w.Network = true
		v := 0.7
		if now.Kind == event.Hosting {
			v = 1.7
			if rt := now.Runtime(); rt != 0 && before.Agent == now.Agent {
				v = 1.2 // the very same browser behind a tunnel that no list knows
			}
		}
		count(v * own)
	}
}
