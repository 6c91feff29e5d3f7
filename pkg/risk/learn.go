package risk

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// lesson is one judged event that may teach something.
type lesson struct {
	p    *profile.Profile
	s    *profile.Session
	ev   *event.Event
	f    *feature.Set
	e    *score.Evidence
	risk float64
	// fresh tells that the event itself brought a new proof; known that its session existed before.
	fresh, known bool
	// hostile surroundings, by what people said, teach nothing.
	hostile bool
}

const (
	// unusualShare is what an unusual action counts when too many wait to be learned.
	unusualShare = 0.15
	// pause is how long a session must be quiet for its unusual actions to be learned.
	pause = event.Millis(30 * 60 * 1000)
)

// learn takes over what an unquestioned event shows.
func (e *Engine) learn(l *lesson) {
	p, s, ev := l.p, l.s, l.ev
	unit := p.Clock.Scale(ev.Time, profile.ActivityHalfLife)
	p.Rate.Add(ev.Time, max(ev.Count, 1), unit)
	if s.Open() || ev.Outcome == event.Denied || ev.Outcome == event.Challenged || l.hostile {
		return
	}
	e.learnActivity(l)
	quiet := l.risk < e.policy.Learning.Below
	if !quiet && !l.fresh {
		return
	}
	if ev.Action == "auth.login" {
		p.Logins = min(p.Logins+1, 1<<31)
		e.forgive(p, l.f.Context.Network[2])
	}
	if l.known && ev.Action != "auth.login" && s.Context == l.f.Context && !l.fresh {
		return // nothing new since the session's last event
	}
	share := e.policy.Learning.Quiet
	if l.e.Novel() > score.Milli(e.policy.Learning.Novelty) {
		if !l.fresh {
			s.Learned = false
			return
		}
		share = session.Strength(s.Proof.Level, ev.Session.AMR)
	}
	p.Learn(&l.f.Context, ev.Time, share)
	if ev.Network.RTT > 0 {
		p.RTT.Add(feature.LogRTT(ev))
	}
	s.Learned = e.learnPlace(l, share)
}

// learnPlace takes over the event's position if it is proven, near a proven place, or the very first; it reports
// whether nothing is left to prove.
func (e *Engine) learnPlace(l *lesson, share float64) bool {
	here := l.f.Sighting
	if !here.Known() {
		return true
	}
	proven := l.fresh || session.Holds(l.s, &l.f.Context)
	near := l.p.PlaceNear(here.Lat, here.Lon)
	if !proven && near < 0 && len(l.p.Places) > 0 {
		return false
	}
	if near < 0 || l.p.Places[near].Lat != here.Lat || l.p.Places[near].Lon != here.Lon {
		here.Name = feature.PlaceName(&l.ev.Network.Place)
	} else {
		here.Name = l.p.Places[near].Name
	}
	to := l.p.LearnSighting(here, share)
	if proven {
		e.learnMoves(l.p, to, &here, l.ev.Time, share)
	}
	return true
}

// learnMoves notes the places from which a proven sighting could not have been reached: for this user
// they are one.
func (e *Engine) learnMoves(p *profile.Profile, to int, seen *profile.Sighting, t event.Millis, share float64) {
	for i := range p.Places {
		if i != to && feature.Unlikely(&p.Places[i], seen, &e.bounds) {
			p.LearnUnlikelyMove(i, to, t, share)
		}
	}
}

func (e *Engine) learnActivity(l *lesson) {
	if l.f.Action == 0 {
		return
	}
	share := 1.0
	if a := &l.f.Activity; a.Nats > 0 && a.Seen < 1 {
		if l.s.AddNovel(l.f.Action) {
			return
		}
		share = unusualShare
	}
	prev := uint32(0)
	if l.known && l.ev.Time >= l.s.Last {
		prev = l.s.LastAction
	}
	l.p.LearnAction(prev, l.f.Action, l.ev.Time, share)
	if l.ev.Bytes > 0 {
		l.p.Volume.Add(feature.LogBytes(l.ev))
	}
}

// settle learns the unusual actions of a session that paused, unless they are under question.
func (e *Engine) settle(p *profile.Profile, s *profile.Session) {
	if s.Open() {
		return
	}
	for _, key := range s.Novel {
		p.LearnAction(0, key, s.Last, 1)
	}
	s.Novel = s.Novel[:0]
}

// forgive forgets failed logins of a source from which a quiet login succeeded: the owner mistyped.
func (e *Engine) forgive(p *profile.Profile, source uint32) {
	for i := range p.Failures {
		if p.Failures[i].Source == source {
			p.Failures = append(p.Failures[:i], p.Failures[i+1:]...)
			return
		}
	}
}

// passed learns what a challenge questioned: the surroundings the report itself shows, since whoever answered is the
// user; where it shows none, those of the session. When the session was in two browsers and the report does
// not say which answered, nothing is learned: it could as well be the intruder's.
func (e *Engine) passed(p *profile.Profile, s *profile.Session, ev *event.Event, share float64) {
	ambiguous := e.answered(s, ev)
	if share > 0 && !ambiguous {
		p.Learn(&s.Context, ev.Time, share)
		if s.Seen.Known() {
			to := p.LearnSighting(s.Seen, share)
			e.learnMoves(p, to, &s.Seen, ev.Time, share)
		}
		e.settle(p, s)
	}
	s.Novel = s.Novel[:0]
	s.Learned = true
	s.Held = profile.Held{}
	s.Peak = 0
}

// answered makes the surroundings of whoever answered a challenge those of the session, and reports whether it stays
// open who that was.
func (e *Engine) answered(s *profile.Session, ev *event.Event) (ambiguous bool) {
	shown, seen := feature.Surroundings(ev)
	ambiguous = s.Held.Switch > 0
	ctx := s.Context
	if rt := shown.Runtime(); rt != 0 {
		ambiguous = false
		if rt != ctx.Runtime() { // another browser than the one that was questioned
			ctx, s.Seen = shown, profile.Sighting{}
		}
		ctx.Agent = shown.Agent
	}
	if shown.Network[2] != 0 && shown.Network != s.Context.Network {
		ctx.Network, ctx.Kind, s.Seen = shown.Network, shown.Kind, seen
		if seen.Known() {
			s.Seen.Name = profile.Text(feature.PlaceName(&ev.Network.Place))
		}
	}
	if shown.Device != 0 {
		ctx.Device, ambiguous = shown.Device, false
	}
	s.Context = ctx
	s.Proof.Runtime, s.Proof.Device = ctx.Runtime(), ctx.Device
	return ambiguous
}

// makeRoom ends the session idle longest when there is no room for another; it counts for as much of a day as it has
// lasted unquestioned.
func (e *Engine) makeRoom(p *profile.Profile, now event.Millis) {
	if len(p.Sessions) < profile.MaxSessions {
		return
	}
	i := p.Idlest()
	if s := &p.Sessions[i]; !s.Learned {
		e.age(p, s, e.lasted(s, now))
	}
	e.settle(p, &p.Sessions[i])
	p.DropSession(i)
}

// age learns a session that went unquestioned, unless the user was proven elsewhere meanwhile.
func (e *Engine) age(p *profile.Profile, s *profile.Session, share float64) {
	s.Learned = true
	if s.Open() || s.State == profile.Satisfied || float64(s.Peak)/100 >= e.policy.Learning.AgeingBelow {
		return
	}
	if e.hostile(p, &s.Context, s.Last).Nats > 0 {
		return
	}
	if s.Seen.Known() {
		if feature.Conflicts(p, &s.Seen, &e.bounds) {
			return
		}
		p.LearnSighting(s.Seen, share)
	}
	p.Learn(&s.Context, s.Last, share)
}
