package session

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// The order among what rules want: a denial, then proof (the strongest, of those not given yet), then what risk says,
// and a rule that allows only keeps risk alone from asking.

// refused shuts the session when a rule denies it, or when the policy denies what is severe, and reports whether it did.
func (m Machine) refused(c *Case, previous uint8) bool {
	s, d, th := c.Session, c.Decision, &m.Policy.Thresholds
	if outside(c.Event) {
		return false
	}
	if m.revoked(c, previous) {
		return true
	}
	rule := first(d, decision.DenyEffect)
	if rule == "" {
		severe := c.Event.User.Kind == event.Person && d.Risk >= th.Severe && th.OnSevere == "deny"
		if severe {
			m.shut(c, "severe", previous)
		}
		return severe
	}
	d.Rule = rule
	if !s.Open() {
		m.open(c)
	}
	s.Challenge.Rule = profile.Text(rule)
	s.State, s.Since = profile.Denied, c.Event.Time
	m.signal(c, signal.Denied, rule, previous)
	return true
}

// revoked has the session ended when a rule says so and apps were not told yet, and reports whether it did.
func (m Machine) revoked(c *Case, previous uint8) bool {
	rule := first(c.Decision, decision.RevokeEffect)
	if rule == "" || outside(c.Event) || c.Session.State == profile.Denied && c.Session.Challenge.Revoked {
		return false
	}
	c.Decision.Rule = rule
	m.revoke(c, rule, CauseRevoked, previous)
	return true
}

// Why a session is shut that apps should end, not only refuse: a rule, an analyst, or either of them some hours ago.
const (
	CauseRevoked       = "session_revoked"
	CauseRevokedByHand = "feedback_revoke_session"
	CauseStillRevoked  = "still_revoked"
)

// revokes tells the causes that have apps end a session.
func revokes(cause string) bool {
	return cause == CauseRevoked || cause == CauseRevokedByHand || cause == CauseStillRevoked
}

// vouched names the first rule that lets risk pass, "" when none does.
func vouched(d *decision.Decision) string { return first(d, decision.AllowEffect) }

func first(d *decision.Decision, effect decision.Effect) string {
	for i := range d.Hits {
		if h := &d.Hits[i]; h.Effect == effect && !h.Shadow {
			return h.Rule
		}
	}
	return ""
}

// wanted adds the proof that rules want, and that has not been given, to what is demanded already: the strongest
// level, with the methods of the first rule that names any.
func wanted(c *Case, demand policy.Demand) policy.Demand {
	for i := range c.Decision.Hits {
		h := &c.Decision.Hits[i]
		if h.Effect != decision.StepUpEffect || h.Shadow || shown(c, h) {
			continue
		}
		if demand.AMR == "" {
			demand.AMR = h.AMR
		}
		if demand.Rule == "" {
			demand.Scope = h.Scope
		} else {
			demand.Scope = demand.Scope.And(h.Scope)
		}
		if h.Level > demand.Level {
			demand.Rule, demand.Level = h.Rule, h.Level
		}
	}
	return demand
}

// shown tells whether the session has the proof that a rule wants. Which methods gave a proof is only known of the
// session's last challenge, while it counts as passed.
func shown(c *Case, h *decision.Hit) bool {
	s, t := c.Session, c.Event.Time
	if !Proven(s, c.Context, h.Level, h.MaxAge, t) {
		return false
	}
	if h.AMR == "" {
		return true
	}
	return s.State == profile.Satisfied && t-s.Since <= seconds(h.MaxAge) && s.Challenge.AMR != "" &&
		within(s.Challenge.AMR, h.AMR)
}

// within tells whether all of some methods are among others.
func within(some, others string) bool {
	for _, m := range strings.Fields(some) {
		if !anyOf(others, []string{m}) {
			return false
		}
	}
	return true
}
