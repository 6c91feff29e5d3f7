package wire

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Validate checks required fields and bounds, cuts and repairs what the end user may choose, and
// writes addresses in their canonical form. It changes ev only towards the contract; a second
// call changes nothing. Errors are *[Invalid].
func Validate(ev *riskdv1.Event) error {
	p := borrow(ev)
	defer p.giveBack()
	p.gather()
	if err := p.check(); err != nil {
		return err
	}
	p.Whole()
	return nil
}

// check is Validate.
func (p *Parsed) check() error {
	ev := p.Event
	if err := p.identity(); err != nil {
		return err
	}
	if err := p.parseOutcome(); err != nil {
		return err
	}
	if ev.Count > MaxCount {
		return invalid(ReasonBadValue, "count: more than 1000000")
	}
	if err := bounded("challenge_id", ev.ChallengeId, MaxEventID, false); err != nil {
		return err
	}
	ev.Reason = cut(ev.Reason, MaxReason)
	if err := session(ev.Session); err != nil {
		return err
	}
	if ev.Device != nil {
		ev.Device.Id = cut(ev.Device.Id, MaxDevice)
	}
	if err := p.checkNetwork(); err != nil {
		return err
	}
	if ev.Http != nil {
		ev.Http.UserAgent = cut(ev.Http.UserAgent, MaxUserAgent)
	}
	if r := ev.Resource; r != nil {
		r.Type, r.Id = cut(r.Type, MaxResource), cut(r.Id, MaxResource)
	}
	if err := p.parseResource(); err != nil {
		return err
	}
	if r := ev.Resource; r != nil && p.sensitivity == event.SensUnknown {
		r.Sensitivity = ""
	}
	if err := p.checkAttributes(); err != nil {
		return err
	}
	return answers(ev)
}

// identity checks what makes an event this event of this user.
func (p *Parsed) identity() error {
	ev := p.Event
	if err := bounded("id", ev.Id, MaxEventID, true); err != nil {
		return err
	}
	if err := bounded("source", ev.Source, MaxSource, true); err != nil {
		return err
	}
	if ev.Type == "" {
		return invalid(ReasonMissingField, "type")
	}
	if err := p.parseType(); err != nil {
		return err
	}
	if ev.TimeMs == 0 {
		return invalid(ReasonMissingField, "time")
	}
	if ev.TimeMs < 0 || ev.TimeMs > maxTimeMS {
		return invalid(ReasonBadValue, "time: outside 1970 to 9999")
	}
	if err := bounded("tenant_id", ev.TenantId, MaxID, true); err != nil {
		return err
	}
	if ev.User == nil {
		return invalid(ReasonMissingField, "user.id")
	}
	if err := bounded("user.id", ev.User.Id, MaxID, true); err != nil {
		return err
	}
	if err := p.parseUser(); err != nil {
		return err
	}
	return bounded("action", ev.Action, MaxAction, true)
}

func session(s *riskdv1.Session) error {
	if s == nil {
		return nil
	}
	if err := bounded("session.id", s.Id, MaxID, false); err != nil {
		return err
	}
	if s.AuthTimeMs < 0 || s.AuthTimeMs > maxTimeMS {
		return invalid(ReasonBadValue, "session.auth_time: outside 1970 to 9999")
	}
	if err := bounded("session.acr", s.Acr, MaxACR, false); err != nil {
		return err
	}
	if len(s.Amr) > MaxAMRCount {
		return invalid(ReasonTooLarge, "session.amr: more than 16 methods")
	}
	for _, m := range s.Amr {
		if err := bounded("session.amr", m, MaxAMR, true); err != nil {
			return err
		}
	}
	return nil
}

func (p *Parsed) checkNetwork() error {
	if err := p.parseNetwork(); err != nil {
		return err
	}
	n := p.Event.Network
	if n == nil {
		return nil
	}
	if n.Ip != "" {
		n.Ip = canonical(p.Addr, n.Ip)
	}
	if n.RttMs > MaxRTT {
		n.RttMs = 0
	}
	if p.network == event.NetUnknown {
		n.Kind = ""
	}
	n.AsOrg = cut(n.AsOrg, MaxPlace)
	if g := n.Geo; g != nil {
		if !positionOK(g.Lat, g.Lon) {
			g.Lat, g.Lon, g.AccuracyKm, g.AtOrigin = 0, 0, 0, false
		}
		if g.Lat == 0 && g.Lon == 0 {
			g.Lat, g.Lon = 0, 0 // no negative zeros
		} else {
			g.AtOrigin = false
		}
		if !(g.AccuracyKm >= 0 && g.AccuracyKm <= maxAccuracyKM) {
			g.AccuracyKm = 0
		}
		g.City = cut(g.City, MaxPlace)
		g.Country = country(g.Country)
	}
	return nil
}

// country is the upper-case two-letter code, or "" (unknown) for anything else, such as the
// "T1" and "XX" of some proxies.
func country(s string) string {
	if len(s) != 2 {
		return ""
	}
	for i := range 2 {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return ""
		}
	}
	if s = strings.ToUpper(s); s == "XX" {
		return ""
	}
	return s
}

func positionOK(lat, lon float64) bool {
	return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 // false for NaN
}

func (p *Parsed) checkAttributes() error {
	if len(p.Attributes) > MaxAttributes {
		return invalid(ReasonTooLarge, "attributes: more than 16")
	}
	for i := range p.Attributes {
		a := &p.Attributes[i]
		if err := bounded("attributes key", a.Key, MaxAttributeKey, true); err != nil {
			return err
		}
		if len(a.Value) > MaxAttributeValue {
			return invalid(ReasonTooLarge, "attributes: a value is longer than 256 bytes")
		}
		a.Value = cut(a.Value, MaxAttributeValue)
	}
	return nil
}

// answers checks receipts and feedback. Events of other types cannot carry them.
func answers(ev *riskdv1.Event) error {
	if ev.Enforcement != nil && ev.Type != "dev.riskd.enforcement.v1" {
		ev.Enforcement.Reset()
	}
	if ev.Feedback != nil && ev.Type != "dev.riskd.feedback.v1" {
		ev.Feedback.Reset()
	}
	if e := ev.Enforcement; e != nil {
		e.Route, e.Sdk = cut(e.Route, MaxRoute), cut(e.Sdk, MaxSDK)
		switch e.Result {
		case "", "shown", "passed", "allowed", "denied", "fail_open", "stale":
		default:
			return invalid(ReasonBadValue, "enforcement.result: want shown, passed, allowed, denied, fail_open or stale")
		}
	}
	if f := ev.Feedback; f != nil {
		if err := bounded("feedback.event_id", f.EventId, MaxEventID, false); err != nil {
			return err
		}
		f.Author = cut(f.Author, MaxAuthor)
		switch f.Verdict {
		case "", "legitimate", "attack", "withdraw", "end_challenge", "revoke_session":
		default:
			return invalid(ReasonBadValue, "feedback.verdict: want legitimate, attack, withdraw, end_challenge or revoke_session")
		}
	}
	return nil
}
