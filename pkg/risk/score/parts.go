package score

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

func writeTravel(s *Sheet, sc *Scene) {
	m := sc.Evidence.Held.Travel
	f := sc.Features
	if m == 0 && (f == nil || f.Travel.KM < 100) {
		return
	}
	s.Add(ImpossibleTravel, m)
	if f == nil || f.Travel.KM < 100 || Milli(f.Travel.Nats) < m {
		s.Text("held", "from an earlier event of this session")
		return
	}
	t := &f.Travel
	s.Text("verdict", t.Verdict.String())
	s.Number("km", t.KM)
	s.Number("km_lower", t.KMLower)
	s.Number("hours", t.Hours)
	s.Number("kmh", numeric.Round(t.KMH))
	s.Text("from", t.From)
	s.Text("to", feature.PlaceName(&sc.Event.Network.Place))
	if t.Discount < 1 {
		s.Number("discount", t.Discount)
	}
	if t.Moves > 0 {
		s.Number("proven_moves", t.Moves)
	}
	s.Number("places_compared", float64(t.Anchors))
	if t.Excused > 0 {
		s.Number("not_counted", float64(t.Excused))
	}
	switch {
	case t.Own:
		s.Text("anchor", "this session's last place")
	case t.Candidate:
		s.Text("anchor", "another session's place, not proven")
	default:
		s.Text("anchor", "a proven place")
	}
	s.flag("event_is_earlier", t.Later)
	if m > 0 {
		s.Text("known_places", knownPlaces(sc.Places))
	}
}

// shownPlaces is how many known places are named.
const shownPlaces = 3

// knownPlaces names the most usual of a user's places, by semicolons, since names have commas: "London, GB; Paris, FR".
func knownPlaces(places []profile.Place) string {
	var names [shownPlaces]string
	n := 0
	for last := uint64(1) << 40; n < shownPlaces; {
		best, at := -1, uint64(0)
		for i := range places {
			// Ordered by weight, and by index where weights are equal.
			if rank := uint64(places[i].Weight)<<8 | uint64(255-i); rank < last && rank >= at {
				best, at = i, rank
			}
		}
		if best < 0 {
			break
		}
		last = at
		if name := places[best].Name; name != "" && name != names[0] && name != names[1] {
			names[n] = name
			n++
		}
	}
	return strings.Join(names[:n], "; ")
}

func writeNetwork(s *Sheet, sc *Scene) {
	e, n := sc.Evidence, &sc.Features.Network
	net := &sc.Event.Network
	if e.NewNetwork > 0 {
		s.Add(NewNetwork, e.NewNetwork)
		s.Text("new", n.New)
		s.Number("history_logins", n.History)
		s.Number("kinds", n.Kinds)
		s.Text("country", net.Place.Country)
		if net.ASN != 0 {
			s.Number("asn", float64(net.ASN))
		}
		s.Text("as_org", net.ASOrg)
		if n.Shared > 0 {
			s.Number("colleagues", n.Shared)
		}
	}
	if e.KnownNetwork < 0 {
		s.Add(KnownNetwork, e.KnownNetwork)
		s.Number("address_logins", n.AddressSeen)
		s.Number("prefix_logins", n.PrefixSeen)
		s.Number("asn_logins", n.ASNSeen)
	}
	if e.Hosting > 0 {
		s.Add(HostingNetwork, e.Hosting)
		s.Text("as_org", net.ASOrg)
	}
	if e.RTT > 0 {
		s.Add(UnusualRTT, e.RTT)
		s.Number("rtt_ms", float64(net.RTT))
		s.Number("sd", sc.Features.RTT.Z)
	}
}

func writeDevice(s *Sheet, sc *Scene) {
	e, f := sc.Evidence, sc.Features
	if e.Token > 0 {
		s.Add(UnknownDevice, e.Token)
		s.Text("token", f.Device.Token.String())
		s.Number("known_devices", f.Device.Kinds)
		s.Number("history_logins", f.Device.History)
	}
	if e.NewAgent > 0 {
		s.Add(NewAgent, e.NewAgent)
		a := &sc.Event.Agent
		s.Text("new", f.Agent.New)
		s.Text("class", a.Class)
		s.Text("os", a.OS)
		s.Text("browser", a.Browser)
		s.Number("history_logins", f.Agent.History)
	}
	if e.KnownAgent < 0 {
		s.Add(KnownAgent, e.KnownAgent)
		s.flag("upgrade", f.Agent.Upgrade)
	}
	if e.Moved > 0 {
		s.Add(TokenMoved, e.Moved)
		s.Text("browser", sc.Event.Agent.Browser)
		s.Text("os", sc.Event.Agent.OS)
	}
	if e.Shared > 0 {
		s.Add(SharedDevice, e.Shared)
		s.Number("other_users", float64(f.Device.Users))
	}
	if m := e.KnownDevice + e.Vouched; m < 0 {
		s.Add(KnownDevice, m)
		s.Number("token_logins", f.Device.Seen)
	}
	if e.Dormant > 0 {
		s.Add(Dormant, e.Dormant)
		s.Number("days_idle", f.IdleDays)
	}
}

func writeHour(s *Sheet, sc *Scene) {
	e, h := sc.Evidence, &sc.Features.Hour
	if e.Hour == 0 {
		return
	}
	code := UsualHour
	if e.Hour > 0 {
		code = UnusualHour
	}
	s.Add(code, e.Hour)
	s.Number("hour_utc", float64(h.UTC))
	s.flag("weekend", h.Weekend)
	s.Number("history_logins", h.History)
}

func writeActivity(s *Sheet, sc *Scene) {
	e, f := sc.Evidence, sc.Features
	if e.Activity > 0 {
		s.Add(UnusualActivity, e.Activity)
		if f != nil {
			s.Text("action", sc.Event.Action)
			s.Text("resource", sc.Event.Resource.Type)
			s.Number("this_action_nats", f.Activity.Nats)
			s.Number("seen", f.Activity.Seen)
			s.Number("actions", f.Activity.Total)
			if f.Activity.Run > 0 {
				s.Number("in_a_row", numeric.Round(f.Activity.Again+1))
			}
		}
	}
	if e.Burst > 0 && f != nil {
		s.Add(Burst, e.Burst)
		s.Number("actions_in_10min", float64(f.Activity.Count))
		s.Number("usual_in_10min", f.Activity.Usual)
	}
	if e.Volume > 0 && f != nil {
		s.Add(UnusualVolume, e.Volume)
		s.Number("bytes", float64(sc.Event.Bytes))
		s.Number("sd", f.Activity.Z)
	}
}
