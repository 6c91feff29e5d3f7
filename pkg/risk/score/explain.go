package score

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Scene is what writing the parts of one decision needs.
type Scene struct {
	Event *event.Event
	// Prior is the log-odds before any evidence.
	Prior float64
	// Features is nil for events that are not measured (step-up results, receipts, feedback).
	Features *feature.Set
	Evidence *Evidence
	// Places are the user's proven ones, to show beside an impossible move.
	Places []profile.Place
	// Failed is how many attempts at the session's challenge failed.
	Failed uint8
	// Proven is the evidence of the session's proof, nats, 0 or less; ProofLevel and ProofHours describe it.
	Proven     float64
	ProofLevel uint8
	ProofHours float64
	// Hostile is what people said of the surroundings; nil: nothing. By value its text would put the whole scene on the heap.
	Hostile *Hostile
}

// Hostile is evidence of surroundings from which something was done that was not the user, as people said.
type Hostile struct {
	// Nats is 0 for none.
	Nats float64
	// By is what is the same: device, address or network. Days ago it was said.
	By   string
	Days float64
}

// failedAttempt is the evidence of one failed attempt at a challenge.
const failedAttempt = 1.0

// Write puts the parts, the risk, the three scores and the unknown inputs into d.
func Write(d *decision.Decision, sc *Scene) {
	s := On(d)
	s.Add(Prior, Milli(sc.Prior))
	e, f := sc.Evidence, sc.Features
	writeTravel(&s, sc)
	if f != nil {
		writeNetwork(&s, sc)
		writeDevice(&s, sc)
	} else {
		writeHeld(&s, &e.Held)
	}
	if m := e.Held.Switch; m != 0 {
		s.Add(SessionSwitch, m)
		if f != nil {
			s.flag("agent_changed", f.Switch.Agent)
			s.flag("token_changed", f.Switch.Token)
			s.flag("branch", f.Switch.Branch)
			s.flag("network_changed", f.Switch.Network)
			s.flag("country_changed", f.Switch.Country)
		}
	}
	if f != nil {
		writeHour(&s, sc)
	}
	writeActivity(&s, sc)
	if m := e.Held.Failures; m != 0 {
		s.Add(Failures, m)
		if f != nil {
			x := &f.Failures
			s.Number("failures_here", x.Here)
			s.Number("failures_elsewhere", x.Elsewhere)
			s.Number("address_failed_users", float64(x.FailedUsers))
			s.Number("address_users", float64(x.Users))
			s.Number("address_failures", float64(x.Failures))
		}
	}
	if sc.Failed > 0 {
		s.Add(FailedChallenge, Milli(failedAttempt*float64(sc.Failed)))
		s.Number("attempts", float64(sc.Failed))
	}
	if h := sc.Hostile; h != nil && Milli(h.Nats) > 0 {
		s.Add(ReportedHostile, Milli(h.Nats))
		s.Text("same", h.By)
		s.Number("days", h.Days)
	}
	if m := Milli(sc.Proven); m != 0 {
		s.Add(Proven, m)
		s.Number("aal", float64(sc.ProofLevel))
		s.Number("hours", sc.ProofHours)
	}
	d.Risk = Risk(s.sum)
	d.Scores = decision.Scores{
		ImpossibleTravel: Headline(e.Held.Travel),
		NewDevice:        Headline(e.NewAgent + e.Token + e.Moved + e.Shared + deviceShare(e)),
		Deviation: Headline(max(0, e.NewNetwork+e.Hosting+e.RTT) + max(0, e.Hour) +
			e.Activity + e.Burst + e.Volume + networkShare(e)),
	}
	unknown(d, sc)
}

// A valid token's cancellation belongs to both families by their shares, so that the headline scores show it.
func deviceShare(e *Evidence) profile.Milli {
	if e.KnownDevice >= 0 || e.NewAgent == 0 {
		return 0
	}
	return -Milli(tokenCancels * Nats(e.NewAgent))
}

func networkShare(e *Evidence) profile.Milli {
	if sum := e.NewNetwork + e.Hosting + e.RTT; e.KnownDevice < 0 && sum > 0 {
		return -Milli(tokenCancels * Nats(sum))
	}
	return 0
}

// writeHeld restates what the session's last measured event found, for events that are not measured.
func writeHeld(s *Sheet, h *profile.Held) {
	part := func(code string, m profile.Milli) {
		if m != 0 {
			s.Add(code, m)
			s.Text("held", "from the last event of this session")
		}
	}
	part(NewNetwork, h.Network)
	part(NewAgent, h.Agent)
	part(UnknownDevice, h.Token)
	part(KnownDevice, h.KnownDevice)
	part(KnownNetwork, h.Known)
}

func (s *Sheet) flag(key string, on bool) {
	if on {
		s.Text(key, "yes")
	}
}

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

// unknown names the inputs that were missing, in a fixed order.
func unknown(d *decision.Decision, sc *Scene) {
	d.Unknown = d.Unknown[:0]
	f := sc.Features
	if f == nil {
		return
	}
	name := func(missing bool, what string) {
		if missing {
			d.Unknown = append(d.Unknown, what)
		}
	}
	name(f.Context.Network[2] == 0, "ip")
	name(!f.Sighting.Known(), "geo")
	name(f.Context.Network[0] == 0, "country")
	name(f.Context.Network[1] == 0, "asn")
	name(f.Context.Kind == event.NetUnknown, "network_kind")
	name(f.Context.Device == 0, "device")
	name(f.Context.Agent[1] == 0 && f.Context.Agent[2] == 0, "user_agent")
	name(sc.Event.Session.ID == "", "session")
	name(f.Travel.Verdict == feature.NotEvaluable, "travel")
}
