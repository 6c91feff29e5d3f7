package risk

import (
	"strconv"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// branchAttribute names the session that this one branched off: an app that sees one session id in two browsers
// reports the second under an id of its own.
const branchAttribute = "session_of"

// activity judges something a user did. since is the user's latest event before this one.
func (e *Engine) activity(p *profile.Profile, ev *event.Event, d *decision.Decision, since event.Millis) {
	failedLogin := ev.Outcome == event.Failure && isAuth(ev.Action)
	name, key := SessionOf(p, ev)
	d.Session = name
	var s *profile.Session
	known := false
	if i := p.Session(key); i >= 0 {
		s, known = &p.Sessions[i], true
	} else if !failedLogin { // a failed login begins no session
		e.makeRoom(p, ev.Time)
		s = &p.Sessions[p.OpenSession(key, ev.Time)]
	} else {
		s = &profile.Session{Key: key, Start: profile.Seconds(ev.Time), Last: profile.Seconds(ev.Time)}
	}

	in := feature.Input{
		Event: ev, Profile: p.Taught(), Baseline: e.baseline.For(ev.Tenant), Bounds: e.bounds, Own: ev.Session.ID != "", Before: since,
		Parent: parentSession(p, ev, s),
	}
	if known {
		in.Session = s
	}
	var f feature.Set
	f.Measure(&in)

	c := session.Case{Profile: p, Session: s, Event: ev, Context: &f.Context, Decision: d}
	fresh := e.machine.Note(&c)
	if fresh && e.machine.Reauthenticated(&c) == session.Passed {
		e.passed(p, s, ev, session.Strength(s.Proof.Level, ev.Session.AMR))
		f = feature.Set{}
		in.Profile = p.Taught()
		f.Measure(&in) // what was questioned is the user's own now
	}
	held := s.Held
	elsewhere := !in.Own && known && away(s, f.Context.Network[2], &f.Sighting)
	if elsewhere { // not one browser: what another address has shown is not this one's
		held = profile.Held{}
		if !s.Open() {
			e.leave(p, s, ev.Time)
		}
	}
	evidence := score.Weigh(&f, held, ev.Time)
	sc := score.Scene{Event: ev, Prior: e.policy.PriorNats, Features: &f, Evidence: &evidence, Places: p.Places}
	e.scene(&sc, s, &f.Context, ev.Time)
	said := e.hostile(p, &f.Context, ev.Time)
	sc.Hostile = &said
	score.Write(d, &sc)
	e.rules(p, in.Profile, s, known, &f.Context, since, ev, d)

	open := s.Open()
	e.machine.Judge(&c)

	if failedLogin {
		p.LearnFailure(f.Context.Network[2], ev.Time, max(ev.Count, 1))
		return
	}
	e.learn(&lesson{
		p: p, s: s, ev: ev, f: &f, e: &evidence, risk: d.Risk, fresh: fresh, known: known, hostile: said.Nats > 0,
	})
	if elsewhere && open {
		evidence.Held = s.Held
	}
	e.remember(p, s, ev, &f, &evidence, open)
}

// away tells an event's address from a session's, for events that share a session only because they bring none: by its
// prefix, and where one of them has none by its position. What cannot be told apart is one.
func away(s *profile.Session, prefix uint32, here *profile.Sighting) bool {
	if there := s.Context.Network[2]; prefix != 0 && there != 0 {
		return prefix != there
	}
	return here.Known() && s.Seen.Known() && profile.Distance(here.Lat, here.Lon, s.Seen.Lat, s.Seen.Lon) > profile.ClusterRadius
}

// leave takes what an address has shown without question for as much as it has lasted, and begins anew with the
// next: ageing is of one address, or an intruder's would be as old as the log.
func (e *Engine) leave(p *profile.Profile, s *profile.Session, now event.Millis) {
	if !s.Learned {
		e.age(p, s, e.lasted(s, now))
	}
	s.Start, s.Learned, s.Peak = profile.Seconds(now), false, 0
}

// lasted is what an unquestioned session teaches before it is of age.
func (e *Engine) lasted(s *profile.Session, now event.Millis) float64 {
	days := float64(now-s.Start) / float64(millis(e.policy.Learning.Ageing))
	return e.policy.Learning.Aged * min(1, max(0.02, days))
}

// scene adds what the session has shown before.
func (e *Engine) scene(sc *score.Scene, s *profile.Session, now *profile.Context, t event.Millis) {
	if s.Open() {
		sc.Failed = s.Challenge.Failures
	}
	if !session.Holds(s, now) {
		return
	}
	hours := max(0, float64(t-s.Proof.At)/3.6e6)
	sc.ProofLevel, sc.ProofHours = s.Proof.Level, hours
	sc.Proven = -1.5 * float64(s.Proof.Level-1) * numeric.Exp2(-hours/12)
	if sc.Features != nil && s.Proof.At < t { // who proved it cannot have made an impossible move since
		sc.Proven = min(0, sc.Proven+sc.Features.Travel.OwnNats)
	}
}

// remember updates the session with what the event showed, unless the session is under question already: then
// it stays as it was when the question arose.
func (e *Engine) remember(p *profile.Profile, s *profile.Session, ev *event.Event, f *feature.Set, ev2 *score.Evidence, wasOpen bool) {
	t := profile.Seconds(ev.Time)
	s.Held = ev2.Held
	if t >= s.Last {
		s.Last = t
		if f.Action != 0 {
			s.LastAction = f.Action
		}
		if !wasOpen {
			s.Context = f.Context
			if f.Sighting.Known() {
				name := s.Seen.Name
				if s.Seen.Lat != f.Sighting.Lat || s.Seen.Lon != f.Sighting.Lon || name == "" {
					name = profile.Text(feature.PlaceName(&ev.Network.Place))
				}
				s.Seen = f.Sighting
				s.Seen.Name = name
			}
		}
	}
	s.Start = min(s.Start, t)
}

func parentSession(p *profile.Profile, ev *event.Event, self *profile.Session) *profile.Session {
	for i := range ev.Attributes {
		if ev.Attributes[i].Key != branchAttribute {
			continue
		}
		if j := p.Session(profile.Hash64(ev.Attributes[i].Value)); j >= 0 && &p.Sessions[j] != self {
			return &p.Sessions[j]
		}
	}
	return nil
}

// anonymousSessions bounds how many sessions the events of a user without session ids can fall into.
const anonymousSessions = 4

// SessionOf names the session an event belongs to, as decisions call it and as profiles keep it. The events of a user
// that bring no session id are one session, until it is under question: that is owed by the address that raised
// it, and events from elsewhere go on in another, with a name of its own, so that the owner neither answers for
// the thief's address nor is what they do there left unlearned.
func SessionOf(p *profile.Profile, ev *event.Event) (name string, key uint64) {
	if ev.Session.ID != "" {
		return ev.Session.ID, profile.Hash64(ev.Session.ID)
	}
	first, firstKey := "u:"+ev.User.ID, profile.HashPair("u:", ev.User.ID)
	if !p.AnyOpen() {
		return first, firstKey
	}
	at, here := feature.Surroundings(ev)
	if at.Network[2] == 0 && !here.Known() {
		return first, firstKey
	}
	id, k := first, firstKey
	for n := 2; ; n++ {
		if i := p.Session(k); i < 0 || !p.Sessions[i].Open() {
			if key == 0 {
				name, key = id, k
			}
		} else if !away(&p.Sessions[i], at.Network[2], &here) {
			return id, k
		}
		if n > anonymousSessions {
			break
		}
		id = first + "~" + strconv.Itoa(n)
		k = profile.Hash64(id)
	}
	if key == 0 { // all are under question: it is one of them, whichever
		return first, firstKey
	}
	return name, key
}

func isAuth(action string) bool { return len(action) >= 5 && action[:5] == "auth." }
