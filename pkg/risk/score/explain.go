package score

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
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
