package backtest

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Answers says what becomes of challenges that history does not answer.
type Answers uint8

const (
	// FromHistory takes them from history; a challenge that only the new policy raised counts as passed when its
	// session goes on. For history of a running system.
	FromHistory Answers = iota
	// Assumed counts challenges of both policies as passed when the session goes on. For bare events, which nobody
	// has asked about yet.
	Assumed
	// NoAnswers leaves them open, so that their sessions stay under question.
	NoAnswers
)

func openSession(p *profile.Profile, ev *event.Event) bool {
	_, key := risk.SessionOf(p, ev)
	i := p.Session(key)
	return i >= 0 && p.Sessions[i].Open()
}

// answer is the challenge that an answer in history is about under the new policy: that of the same session.
func (w *worker) answer(u *user, ev *event.Event) string {
	if ev.Type < event.StepUpStarted || ev.Type > event.StepUpAbandoned || ev.ChallengeID == "" {
		return ev.ChallengeID
	}
	i := u.now.old.SessionOf(ev.ChallengeID)
	if i < 0 {
		return ev.ChallengeID
	}
	k := u.now.new.Session(u.now.old.Sessions[i].Key)
	if k < 0 || !u.now.new.Sessions[k].Open() {
		return ev.ChallengeID
	}
	return u.now.new.Sessions[k].Challenge.ID
}

// assume answers a session's challenge when the session goes on.
func (w *worker) assume(engine Engine, p *profile.Profile, ev *event.Event) {
	if ev.Type != event.Activity || ev.Outcome != event.Success {
		return
	}
	_, key := risk.SessionOf(p, ev)
	i := p.Session(key)
	if i < 0 {
		return
	}
	s := &p.Sessions[i]
	c := &s.Challenge
	if s.State != profile.Required && s.State != profile.Expired || ev.Time <= c.Issued {
		return
	}
	at := max(c.Issued, min(ev.Time-1, c.Expires))
	pass := event.Event{
		ID: c.ID + ":assumed", Source: "backtest", Type: event.StepUpCompleted, Time: at, Received: ev.Received, Tenant: ev.Tenant, User: ev.User,
		Session: event.Session{ID: ev.Session.ID, AuthTime: at, ACR: policy.ACRName(c.Level), AMR: strings.Fields(c.AMR)},
		Action:  "stepup.completed", Outcome: event.Success, Count: 1, ChallengeID: c.ID,
	}
	engine.Step(p, &pass, &w.assumed)
	w.tally.Assumed++
}
