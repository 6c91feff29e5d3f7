package session

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// Rules that say why a report changed nothing.
const (
	RuleUnknownChallenge = "unknown_challenge"
	RuleClosedChallenge  = "closed_challenge"
	// RuleUnproven: users vouch for a session without a proof.
	RuleUnproven = "unproven_author"
)

// Causes of a refused completion; the challenge stays required with a new revision.
const (
	CauseStale        = "stale_auth_time"
	CauseNoAuthTime   = "missing_auth_time"
	CauseWeakACR      = "weak_acr"
	CauseWeakAMR      = "weak_amr"
	CauseWrongSession = "wrong_session"
	CauseTooLate      = "answered_too_late"
)

// Outcome of a report, for learning.
type Outcome uint8

// What the engine has to do after a report.
const (
	Nothing Outcome = iota
	// Passed: learn what was questioned.
	Passed
	// Forgiven: somebody who may vouched for it.
	Forgiven
	// Blamed: it was not the user.
	Blamed
	// Withdrawn: what was said of it is taken back.
	Withdrawn
)

// Result applies the report of a step-up. c.Session is the challenge's session, or nil when there is none.
func (m Machine) Result(c *Case) Outcome {
	s, ev, d := c.Session, c.Event, c.Decision
	if s == nil || s.Challenge.ID == "" || ev.ChallengeID != "" && ev.ChallengeID != s.Challenge.ID {
		d.Rule = RuleUnknownChallenge
		return Nothing
	}
	m.begin(c)
	defer m.finish(c)
	open := s.State == profile.Required || s.State == profile.Expired
	if !open {
		d.Rule = RuleClosedChallenge
		return Nothing
	}
	switch ev.Type {
	case event.StepUpCompleted:
		if ev.Outcome != event.Success {
			m.failed(c)
			return Nothing
		}
		return m.completed(c)
	case event.StepUpFailed:
		m.failed(c)
	case event.StepUpDenied:
		s.State, s.Since = profile.Denied, ev.Time
		m.signal(c, signal.Denied, "stepup_denied", s.Level)
		return Blamed // asked on a device of their own, they said that it was not them
	case event.StepUpAbandoned:
		if s.State == profile.Required {
			m.lapse(c, "stepup_abandoned")
		}
	}
	return Nothing
}

func (m Machine) completed(c *Case) Outcome {
	s := c.Session
	if why := m.refusal(c); why != "" {
		c.Decision.Rule = why
		m.expire(c)
		if s.State == profile.Required {
			m.signal(c, signal.Required, why, s.Level)
		}
		return Nothing
	}
	m.satisfy(c, "stepup_completed")
	return Passed
}

// satisfy closes the challenge with the proof the event shows.
func (m Machine) satisfy(c *Case, why string) {
	s, ev := c.Session, c.Event
	s.State, s.Since = profile.Satisfied, ev.Time
	s.Proof = profile.Proof{
		Level: Assurance(m.Policy, &ev.Session), At: ev.Session.AuthTime,
		Runtime: c.Context.Runtime(), Device: c.Context.Device,
	}
	previous := s.Level
	m.passed(c)
	s.Level, s.Peak = 0, 0
	if len(c.Profile.Prompts) >= profile.MaxPrompts {
		c.Profile.Prompts = append(c.Profile.Prompts[:0], c.Profile.Prompts[1:]...)
	}
	c.Profile.Prompts = append(c.Profile.Prompts, ev.Time)
	m.signal(c, signal.Satisfied, why, previous)
}

// Reauthenticated closes an open challenge when an ordinary event of the session brings a proof that answers
// it: a client that was asked for a newer token simply comes back with one (RFC 9470). The caller has noted the
// proof as new.
func (m Machine) Reauthenticated(c *Case) Outcome {
	s := c.Session
	if s.State != profile.Required && s.State != profile.Expired || m.refusal(c) != "" {
		return Nothing
	}
	m.satisfy(c, "reauthenticated")
	return Passed
}

// refusal names what is wrong with a completed report, "" when it proves what was asked.
func (m Machine) refusal(c *Case) string {
	s, ev := c.Session, c.Event
	ch := &s.Challenge
	at := ev.Session.AuthTime
	switch {
	case ev.Session.ID != "" && profile.Hash64(ev.Session.ID) != s.Key:
		return CauseWrongSession
	case at == 0:
		return CauseNoAuthTime
	case at < oldest(ch, at):
		return CauseStale
	// As long as nobody has called it unanswered it may be answered: the event that raised it can have come late.
	case s.State == profile.Expired && at > ch.Expires || at > ev.Time+seconds(m.Policy.Time.Skew):
		return CauseTooLate
	case Assurance(m.Policy, &ev.Session) < ch.Level:
		return CauseWeakACR
	case ch.AMR != "" && !anyOf(ch.AMR, ev.Session.AMR):
		return CauseWeakAMR
	}
	return ""
}

// oldest is the earliest time of authentication a challenge accepts. Most protocols give auth_time in whole
// seconds: such a time may lie in the second of the challenge.
func oldest(ch *profile.Challenge, at event.Millis) event.Millis {
	from := ch.Issued - seconds(ch.MaxAge)
	if at%1000 == 0 {
		return profile.Seconds(from)
	}
	return from
}

func anyOf(accepted string, shown []string) bool {
	for _, want := range strings.Fields(accepted) {
		for _, m := range shown {
			if m == want {
				return true
			}
		}
	}
	return false
}

func (m Machine) failed(c *Case) {
	s := c.Session
	if s.Challenge.Failures < 255 {
		s.Challenge.Failures++
	}
	if int(s.Challenge.Failures) >= m.Policy.StepUp.MaxFailures {
		s.State, s.Since = profile.Denied, c.Event.Time
		m.signal(c, signal.Denied, "stepup_failed", s.Level)
		return
	}
	m.expire(c)
}

// Feedback applies a judgement by the user or an analyst to a session, which may be nil.
func (m Machine) Feedback(c *Case) Outcome {
	s, ev, d := c.Session, c.Event, c.Decision
	if s == nil {
		d.Rule = RuleUnknownChallenge
		return Nothing
	}
	m.begin(c)
	defer m.finish(c)
	switch ev.Feedback.Verdict {
	case "attack":
		if s.State != profile.Denied {
			m.shut(c, "feedback_attack", s.Level)
		}
		return Blamed
	case "revoke_session":
		if s.State != profile.Denied || !s.Challenge.Revoked {
			m.revoke(c, "", CauseRevokedByHand, s.Level)
		}
	case "end_challenge":
		m.cancel(c, "feedback_end_challenge")
	case "legitimate":
		// "It was me" from the session itself proves nothing: a thief would say so, too.
		if ev.Feedback.Author == "user" && s.State != profile.Satisfied && !m.vouches(ev) {
			d.Rule = RuleUnproven
			return Nothing
		}
		m.cancel(c, "feedback_legitimate")
		return Forgiven
	case "withdraw":
		return Withdrawn
	}
	return Nothing
}

// vouchingAge is how old the proof may be with which users vouch for another of their sessions.
const vouchingAge = 15 * hour / 60

// vouches tells whether users say what they say with a proof of a second factor at hand.
func (m Machine) vouches(ev *event.Event) bool {
	age := ev.Time - ev.Session.AuthTime
	return Assurance(m.Policy, &ev.Session) >= 2 && ev.Session.AuthTime > 0 && age <= vouchingAge && -age <= seconds(m.Policy.Time.Skew)
}

func (m Machine) cancel(c *Case, why string) {
	s := c.Session
	if !s.Open() {
		return
	}
	previous := s.Level
	m.passed(c)
	s.State, s.Since = profile.Clear, c.Event.Time
	s.Level, s.Peak = 0, 0
	s.Challenge.Revoked = false
	m.signal(c, signal.Cancelled, why, previous)
}
