package risk

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// What people say of a session teaches by a written rule:
//
//   - "It was me" (proven), or an analyst's "false alarm": the session's network, browser, device and place count as the
//     user's own, as much as policy.Feedback.Weight, and what the session had against it is forgotten.
//   - "Not me", or an analyst's "attack": of the session's device and address, what is not settled as the user's own is hostile: what
//     was learned of it is as if it had not been, it speaks against whoever comes with it, and nothing more is learned there.
//   - Said the other way round, the earlier is taken back: "not me" after "it was me" also blames, "it was me" after "not me" does
//     no more than that. "withdraw" takes back either.
//   - Of each sort, so many teach in a day (policy.Feedback.PerDay); all of it expires.
//
// Lessons lie beside what was learned (see [profile.Lesson]): one that is taken back leaves nothing behind.

// Rules that say why a judgement taught nothing.
const (
	// RuleFeedbackLimit: enough was taught today.
	RuleFeedbackLimit = "feedback_limit"
	// RuleOwnSurroundings: all of the session's surroundings are settled as the user's own.
	RuleOwnSurroundings = "own_surroundings"
)

// Evidence of hostile surroundings, nats: the device token, the address (IPv6: the /64), or others beside it in its prefix.
const (
	hostileDevice  = 5
	hostileAddress = 2.5
	hostilePrefix  = 1
)

// vouch makes a session's surroundings the user's own.
func (e *Engine) vouch(p *profile.Profile, s *profile.Session, ev *event.Event, d *decision.Decision) {
	if e.takeBack(p, s, true) || p.LessonOf(s.Key, false) >= 0 || s.Context == (profile.Context{}) {
		return
	}
	share := e.policy.Learning.Feedback.Weight
	if ev.Feedback.Author == "user" {
		share = min(share, session.Strength(max(s.Proof.Level, session.Assurance(e.policy, &ev.Session)), ev.Session.AMR))
	}
	if share == 0 || !e.mayTeach(p, ev, false, d) {
		return
	}
	p.AddLesson(profile.Lesson{
		Session: s.Key, At: profile.Seconds(ev.Time), Share: uint16(math.Round(share * 1000)), Context: s.Context, Seen: s.Seen, Held: s.Held, Learned: s.Learned,
	})
	s.Held = profile.Held{}
	s.Learned = true // by the lesson, as long as it holds: not by age as well
}

// blame makes what of a session's surroundings is not settled as the user's own hostile.
func (e *Engine) blame(p *profile.Profile, s *profile.Session, ev *event.Event, d *decision.Decision) {
	e.takeBack(p, s, false)
	if p.LessonOf(s.Key, true) >= 0 || s.Context == (profile.Context{}) {
		return
	}
	ctx, seen, any := p.Foreign(s.Context, s.Seen, ev.Time)
	if !any {
		d.Rule = RuleOwnSurroundings
		return
	}
	if e.mayTeach(p, ev, true, d) {
		p.AddLesson(profile.Lesson{Hostile: true, Session: s.Key, At: profile.Seconds(ev.Time), Context: ctx, Seen: seen})
	}
}

// takeBack forgets what was said of a session, and reports whether anything was.
func (e *Engine) takeBack(p *profile.Profile, s *profile.Session, hostile bool) bool {
	i := p.LessonOf(s.Key, hostile)
	if i < 0 {
		return false
	}
	if l := &p.Lessons[i]; !hostile && s.Start <= l.At { // not another session that came by the same name
		s.Held, s.Learned = l.Held, l.Learned
	}
	p.DropLesson(i)
	return true
}

// shuts tells the verdicts that shut a session.
func shuts(ev *event.Event) bool {
	return ev.Feedback.Verdict == "attack" || ev.Feedback.Verdict == "revoke_session"
}

// forgotten takes back what was said of a session that is not remembered any more.
func (e *Engine) forgotten(p *profile.Profile, ev *event.Event) {
	s := profile.Session{Key: profile.Hash64(ev.Session.ID), Start: p.Watermark}
	v := ev.Feedback.Verdict
	if v == "withdraw" || v == "attack" {
		e.takeBack(p, &s, false)
	}
	if v == "withdraw" || v == "legitimate" && ev.Feedback.Author != "user" {
		e.takeBack(p, &s, true)
	}
}

// mayTeach keeps to the day's limit.
func (e *Engine) mayTeach(p *profile.Profile, ev *event.Event, hostile bool, d *decision.Decision) bool {
	if p.LessonsSince(profile.Seconds(ev.Time)-24*3600*1000, hostile) < e.policy.Learning.Feedback.PerDay {
		return true
	}
	d.Rule = RuleFeedbackLimit
	return false
}

// hostile is what lessons say against surroundings.
func (e *Engine) hostile(p *profile.Profile, c *profile.Context, t event.Millis) (h score.Hostile) {
	for i := range p.Lessons {
		l := &p.Lessons[i]
		if !l.Hostile {
			continue
		}
		nats, by := 0.0, ""
		switch {
		case l.Context.Device != 0 && l.Context.Device == c.Device:
			nats, by = hostileDevice, "device"
		case l.Context.Network[2] == 0 || l.Context.Network[2] != c.Network[2]:
		case l.Context.Network[3] != 0 && l.Context.Network[3] == c.Network[3]:
			nats, by = hostileAddress, "address"
		default:
			nats, by = hostilePrefix, "network"
		}
		if nats > h.Nats {
			h = score.Hostile{Nats: nats, By: by, Days: math.Max(0, float64(t-l.At)/dayMillis)}
		}
	}
	return h
}
