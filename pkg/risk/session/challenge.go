package session

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/schemas/subject"
)

// maxReasons is how many part codes a signal carries.
const maxReasons = 5

// raise opens a new challenge.
func (m Machine) raise(c *Case, demand policy.Demand, previous uint8) {
	s, t := c.Session, c.Event.Time
	m.open(c)
	ch := &s.Challenge
	ch.Level, ch.MaxAge, ch.Rule = demand.Level, demand.MaxAge, profile.Text(demand.Rule)
	if demand.AMR != "" {
		ch.AMR = demand.AMR
	}
	if s.State != profile.Expired && m.quiet(c) {
		ch.Scope = kept(demand.Scope.Of(c.Event))
		if demand.Rule != "" && !shuts(c) {
			ch.AllowOnExpiry = true
		}
	}
	s.State, s.Since = profile.Required, t
	m.signal(c, signal.Required, cause(c, demand.Rule), previous)
}

// remind says again that a session is shut when it goes on all the same: the entry that apps see does not live as
// long as the denial does.
func (m Machine) remind(c *Case, previous uint8) {
	s, t := c.Session, c.Event.Time
	if t-s.Since < remindEvery || outside(c.Event) {
		return
	}
	s.Since = t
	why := "still_denied"
	if s.Challenge.Revoked {
		why = CauseStillRevoked
	}
	m.signal(c, signal.Denied, why, previous)
}

// revoke has apps end a session, which may be shut already. rule is whose doing it is, "" for people's.
func (m Machine) revoke(c *Case, rule, why string, previous uint8) {
	s := c.Session
	if !s.Open() {
		m.open(c)
	}
	if rule != "" {
		s.Challenge.Rule = profile.Text(rule)
	}
	s.Challenge.Revoked = true
	s.State, s.Since = profile.Denied, c.Event.Time
	m.signal(c, signal.Denied, why, previous)
}

// shut denies the session without asking.
func (m Machine) shut(c *Case, why string, previous uint8) {
	s := c.Session
	if !s.Open() {
		m.open(c)
	}
	s.State, s.Since = profile.Denied, c.Event.Time
	m.signal(c, signal.Denied, why, previous)
}

// open begins a challenge record.
func (m Machine) open(c *Case) {
	p, s, ev, d := m.Policy, c.Session, c.Event, c.Decision
	s.ID = profile.Text(d.Session)
	s.Challenge = profile.Challenge{
		ID:            subject.ChallengeID(ev.Tenant, d.Session, ev.Source, ev.ID),
		Issued:        ev.Time,
		Expires:       ev.Time + seconds(p.StepUp.ExpiresAfter),
		Score:         uint16(d.Risk*100 + 0.5),
		AMR:           strings.Join(p.StepUp.AMR, " "),
		AllowOnExpiry: p.StepUp.OnExpiry == "allow",
		Reasons:       reasons(d.Parts),
		Level:         p.LevelOf(p.StepUp.ACR),
	}
}

// quiet tells that risk alone would not ask.
func (m Machine) quiet(c *Case) bool { return c.Decision.Risk < m.Policy.StepUpAt(c.Event) }

// shuts tells that a rule about the whole session wants a proof not given yet. Any other demand is about what was to be
// used alone: when nobody answers, the session goes on without, and what was to be used keeps asking.
func shuts(c *Case) bool {
	for i := range c.Decision.Hits {
		if h := &c.Decision.Hits[i]; h.Effect == decision.StepUpEffect && !h.Shadow && !shown(c, h) && h.Scope.Of(c.Event).Whole() {
			return true
		}
	}
	return false
}

// suspect makes an open challenge that was only demanded one for risk, when risk has crossed the threshold meanwhile:
// it blocks all the session does, and keeps it blocked when unanswered.
func (m Machine) suspect(c *Case) {
	ch, d := &c.Session.Challenge, c.Decision
	lenient := ch.AllowOnExpiry && m.Policy.StepUp.OnExpiry != "allow"
	if !lenient && ch.Scope.Whole() || m.quiet(c) {
		return
	}
	if lenient {
		ch.AllowOnExpiry = false
	}
	ch.Scope = signal.Scope{}
	ch.Score, ch.Reasons = uint16(d.Risk*100+0.5), reasons(d.Parts)
	m.signal(c, signal.Required, cause(c, ""), c.Session.Level)
}

// strengthen asks for more in an open challenge, when something wants more than it does, or is not what it is about.
func (m Machine) strengthen(c *Case, demand policy.Demand) {
	ch := &c.Session.Challenge
	scope, why := ch.Scope.And(demand.Scope.Of(c.Event)), "wider_"
	methods := demand.AMR != "" && ch.AMR == ""
	locks := ch.AllowOnExpiry && m.Policy.StepUp.OnExpiry != "allow" && shuts(c)
	if demand.Level > ch.Level || methods {
		why = "stronger_"
	} else if scope == ch.Scope && !locks {
		return
	}
	if locks {
		ch.AllowOnExpiry = false
	}
	ch.Level, ch.Scope = max(ch.Level, demand.Level), kept(scope)
	if methods {
		ch.AMR = demand.AMR
	}
	m.signal(c, signal.Required, why+demand.Rule, c.Session.Level)
}

// kept copies a scope out of the event's memory.
func kept(s signal.Scope) signal.Scope {
	s.Action, s.ResourceType, s.ResourceID = profile.Text(s.Action), profile.Text(s.ResourceType), profile.Text(s.ResourceID)
	return s
}

// waits tells whether the event is among what an open challenge blocks. Reports are about the challenge itself.
func waits(c *Case) bool {
	return c.Event.Type != event.Activity || c.Session.Challenge.Scope.Covers(c.Event.Action, c.Event.Resource)
}

// expire closes a challenge that nobody answered in time.
func (m Machine) expire(c *Case) {
	s := c.Session
	if s.State == profile.Required && c.Event.Time > s.Challenge.Expires {
		m.lapse(c, "expired")
	}
}

// lapse closes an unanswered challenge: the session stays under question, or goes on where the policy says so.
func (m Machine) lapse(c *Case, why string) {
	s := c.Session
	s.State, s.Since = profile.Expired, c.Event.Time
	m.signal(c, signal.Expired, why, s.Level)
	if s.Challenge.AllowOnExpiry {
		s.State = profile.Clear
		if m.Policy.StepUp.OnExpiry != "allow" {
			s.Since = 0 // nothing was proven: no cool-down
		}
	}
}

// signal appends the next revision of the session's challenge to the decision.
func (m Machine) signal(c *Case, state signal.State, why string, previous uint8) {
	p, s, ev, d := m.Policy, c.Session, c.Event, c.Decision
	ch := &s.Challenge
	ch.Revision++
	if state == signal.Denied || state == signal.Expired && !ch.AllowOnExpiry {
		ch.Scope = signal.Scope{} // what is shut is shut
	}
	sg := signal.Signal{
		ChallengeID: ch.ID, Revision: ch.Revision,
		Tenant: ev.Tenant, User: ev.User.ID, Session: s.ID,
		State: state, Score: float64(ch.Score) / 100,
		Level: policy.LevelName(s.Level), PreviousLevel: policy.LevelName(previous),
		Reasons: strings.Fields(ch.Reasons),
		Require: signal.Requirement{
			ACR: []string{policy.ACRName(ch.Level)}, AMR: strings.Fields(ch.AMR), MaxAgeSeconds: ch.MaxAge,
		},
		Scope:  ch.Scope,
		Issued: ch.Issued, Expires: ch.Expires, At: ev.Time, OnExpiry: "deny",
		PolicyID: p.ID, PolicyVersion: p.Version(), Rule: ch.Rule,
		EventID: ev.ID, ReasonUser: p.ReasonUser(ch.Rule), Cause: why,
	}
	if ch.AllowOnExpiry {
		sg.OnExpiry = "allow"
	}
	d.Signals = append(d.Signals, sg)
	d.ChallengeID = ch.ID
}

// cause of a new challenge: the rule, or the strongest part.
func cause(c *Case, rule string) string {
	if rule != "" && rule != RuleSevere {
		return rule
	}
	first, _, _ := strings.Cut(c.Session.Challenge.Reasons, " ")
	return first
}

// reasons lists the codes of what speaks against the user, strongest first.
func reasons(parts []decision.Part) string {
	var top [maxReasons]*decision.Part
	for i := range parts {
		p := &parts[i]
		if p.Nats <= 0 {
			continue
		}
		for j := range top {
			if top[j] == nil || p.Nats > top[j].Nats {
				copy(top[j+1:], top[j:])
				top[j] = p
				break
			}
		}
	}
	var b strings.Builder
	for _, p := range top {
		if p == nil {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.Code)
	}
	return b.String()
}
