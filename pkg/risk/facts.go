package risk

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// rules asks the policy's rules about a scored event. taught is the profile with what people said of it; since is the user's latest event before it.
func (e *Engine) rules(p, taught *profile.Profile, s *profile.Session, known bool, now *profile.Context, since event.Millis, ev *event.Event, d *decision.Decision) {
	judge := e.policy.Judge()
	if judge == nil {
		return
	}
	f := policy.Facts{
		Event: ev, Decision: d,
		Session: e.sessionFacts(s, known, now, ev.Time), Profile: e.profileFacts(taught, now, since, ev.Time),
	}
	var amounts [profile.MaxCounters]uint64
	if counting, ok := judge.(policy.Counting); ok && len(counting.Counters()) > 0 {
		f.Counters = counting.Amounts(&f, amounts[:0])
		for i, c := range counting.Counters() {
			f.Counters[i] = p.Count(c.Key, c.Window, ev.Time, f.Counters[i])
		}
	}
	d.Hits = judge.Judge(&f, d.Hits)
	for i := 0; i < len(d.Hits); {
		if d.Hits[i].Effect != decision.FailedEffect {
			i++
			continue
		}
		d.Unknown = append(d.Unknown, "rule:"+d.Hits[i].Rule)
		d.Hits = append(d.Hits[:i], d.Hits[i+1:]...)
	}
}

func (e *Engine) sessionFacts(s *profile.Session, known bool, now *profile.Context, t event.Millis) policy.SessionFacts {
	f := policy.SessionFacts{State: s.State.String(), New: !known, ProofAge: policy.Never}
	if session.Holds(s, now) {
		f.Level, f.ProofAge = s.Proof.Level, max(0, wholeSeconds(t-s.Proof.At))
	}
	if !known {
		return f
	}
	was := &s.Context
	f.Age, f.Idle = max(0, wholeSeconds(t-s.Start)), max(0, wholeSeconds(t-s.Last))
	f.CountryChanged = differ(was.Network[0], now.Network[0])
	f.NetworkChanged = differ(was.Network[1], now.Network[1])
	f.IPChanged = differ(was.Network[3], now.Network[3])
	f.BrowserChanged = differ(was.Runtime(), now.Runtime())
	f.DeviceChanged = differ(was.Device, now.Device)
	return f
}

func (e *Engine) profileFacts(p *profile.Profile, now *profile.Context, since, t event.Millis) policy.ProfileFacts {
	f := policy.ProfileFacts{
		Events: p.Events, Logins: p.Logins, Sessions: len(p.Sessions), Prompts: len(p.Prompts),
		AgeDays:     float64(max(0, t-p.First)) / dayMillis,
		DeviceKnown: now.Device != 0 && p.Devices.Find(now.Device) >= 0,
	}
	if since > 0 {
		f.IdleDays = float64(max(0, t-since)) / dayMillis
	}
	for i := range p.Failures {
		f.Failures += p.Failures[i].Now(profile.Seconds(t))
	}
	if int64(t/profile.Bucket) == p.Rate.Current {
		f.Recent = p.Rate.Count
	}
	country := -1
	if now.Network[0] != 0 {
		country = p.Networks.Find(-1, 0, now.Network[0])
		f.CountryKnown = country >= 0
	}
	if now.Network[1] != 0 {
		f.NetworkKnown = p.Networks.Find(country, 1, now.Network[1]) >= 0
	}
	return f
}

const dayMillis = 24 * 3600 * 1000

func wholeSeconds(d event.Millis) int64 { return int64(d / 1000) }

// differ compares keys; 0 is unknown and differs from nothing.
func differ[K uint32 | uint64](a, b K) bool { return a != 0 && b != 0 && a != b }
