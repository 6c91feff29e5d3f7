package risk

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// report judges what is not activity: results of challenges, receipts, feedback. Nothing is measured; the
// session stays at what it holds.
func (e *Engine) report(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	i := p.SessionOf(ev.ChallengeID)
	if i < 0 && (ev.ChallengeID == "" || ev.Type == event.EnforcementEvent) {
		_, key := SessionOf(p, ev)
		i = p.Session(key)
	}
	var scratch profile.Session
	s := &scratch
	c := session.Case{Profile: p, Event: ev, Decision: d}
	if i >= 0 {
		s = &p.Sessions[i]
		c.Session, c.Context = s, &s.Context
		if s.ID != "" {
			d.Session = s.ID
		}
	} else if ev.Type == event.FeedbackEvent && ev.ChallengeID == "" && ev.Session.ID != "" && shuts(ev) {
		// A session nobody has seen can still be revoked.
		s = &p.Sessions[p.OpenSession(profile.Hash64(ev.Session.ID), ev.Time)]
		c.Session, c.Context = s, &s.Context
	}
	e.state(s, d)
	switch ev.Type {
	case event.StepUpCompleted, event.StepUpFailed, event.StepUpDenied, event.StepUpAbandoned:
		switch e.machine.Result(&c) {
		case session.Passed:
			e.passed(p, s, ev, session.Strength(s.Proof.Level, ev.Session.AMR))
		case session.Blamed:
			e.blame(p, s, ev, d)
		}
	case event.FeedbackEvent:
		switch e.machine.Feedback(&c) {
		case session.Forgiven:
			e.vouch(p, s, ev, d)
		case session.Blamed:
			e.blame(p, s, ev, d)
		case session.Withdrawn:
			e.takeBack(p, s, true)
			e.takeBack(p, s, false)
		case session.Nothing:
			if i < 0 && ev.Session.ID != "" {
				e.forgotten(p, ev)
			}
		}
	}
	holding := score.Holding(s.Held, ev.Time)
	sc := score.Scene{Event: ev, Prior: e.policy.PriorNats, Evidence: &holding}
	e.scene(&sc, s, &s.Context, ev.Time)
	score.Write(d, &sc)
}

// state fills what holds for a session that an event only mentions.
func (e *Engine) state(s *profile.Session, d *decision.Decision) {
	d.SessionState = s.State.String()
	if s.Challenge.ID != "" {
		d.ChallengeID = s.Challenge.ID
	}
	switch s.State {
	case profile.Required, profile.Expired:
		d.Action = decision.StepUp
	case profile.Denied:
		d.Action = decision.Deny
	}
}
