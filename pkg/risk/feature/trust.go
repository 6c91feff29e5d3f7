package feature

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Position is how sure it is that an address of this kind is where the user is.
func Position(kind event.NetworkKind) float64 {
	switch kind {
	case event.VPN, event.Relay:
		return 0.05
	case event.Satellite:
		return 0.1
	case event.Hosting:
		return 0.3
	case event.Mobile:
		return 0.6
	}
	return 1
}

// gateways is how far a move between two addresses can be trusted to be one of positions. Those of mobile networks
// hop over whole countries, and those of one network need not even be in one. Within one country databases are
// often wrong by hundreds of kilometres, and a phone is taken for being on its carrier, since no data knows all carriers.
func gateways(a, b *profile.Sighting, phone bool, km float64) float64 {
	f := 1.0
	if a.Country != 0 && a.Country == b.Country {
		switch far := min(1, km/2000); {
		case a.Kind == event.Mobile || b.Kind == event.Mobile:
			f = 0.4
		case phone:
			f = 0.3 + 0.2*far
		default:
			f = 0.6 + 0.4*far
		}
	}
	if a.ASN != 0 && a.ASN == b.ASN && a.Kind == b.Kind && Position(a.Kind) < 1 {
		f = min(f, 0.3)
	}
	return f
}

// vague lowers the trust in a position that is a guess at a region or a whole country, for moves of that size: its
// errors are wider than any radius says.
func vague(s *profile.Sighting, km float64) float64 {
	if r := float64(s.Radius); r >= 200 && km < 4*r {
		return max(0.3, km/(4*r))
	}
	return 1
}

// exitDiscount lowers the trust in positions of addresses that are proven to be the user's: home VPN, office
// exit, carrier gateway. Nobody else comes from there easily.
func (s *Set) exitDiscount(in *Input, near int) float64 {
	f := min(1/(1+s.Network.AddressSeen), 1/(1+0.5*s.Network.PrefixSeen))
	if s.Sighting.Kind == event.Mobile || s.Context.Agent[0] == phone {
		f = min(f, 1/(1+0.25*s.Network.ASNSeen))
	}
	f = min(f, 1/(1+0.2*colleagues(in.Event)))
	if near >= 0 && in.Profile.Places[near].ASN == s.Sighting.ASN && s.Sighting.ASN != 0 && Position(s.Sighting.Kind) < 1 {
		f = min(f, 1/(1+0.5*float64(in.Profile.Places[near].Weight)/s.units.network))
	}
	return f
}

// colleagues is how many others of the tenant get in from this address at the moment: with some, it is an
// office, a company's exit or a carrier, and says little of where its users are. Those who fail do not count.
func colleagues(ev *event.Event) float64 {
	c := &ev.Crowd
	if c.IPUsers < c.IPFailedUsers+3 {
		return 0
	}
	return float64(c.IPUsers - c.IPFailedUsers)
}
