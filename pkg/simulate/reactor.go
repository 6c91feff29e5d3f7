package simulate

import (
	"google.golang.org/protobuf/proto"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Flag is what an app sees of a step-up flag.
type Flag struct {
	Tenant, Session string
	ChallengeID     string
	Revision        uint64
	// State is required, denied, satisfied, cancelled or expired; "clear" when the flag is gone and
	// nothing says why.
	State string
	// Issued is event time, Unix milliseconds.
	Issued int64
	// Cause of the revision, when known: weak_acr and stale_auth_time mean that an answer was refused.
	Cause string
}

// Verdict is what becomes of an event of the world once the apps know the flags.
type Verdict uint8

// The verdicts.
const (
	// Send it (it may have been changed: a blocked access is an attempt, a proven session says so).
	Send Verdict = iota
	// Later: its time has moved, because its person is busy with a challenge. Offer it again then.
	Later
	// Drop it: the session is over.
	Drop
)

// maxFaces bounds how many sessions the Reactor remembers.
const maxFaces = 1 << 20

// Reactor plays the apps and the people in front of them when flags come back: it shows the
// challenge, the honest mostly pass it, attackers fail or go away, and what follows is reported
// as riskd's SDK reports it. Its draws depend on the challenge's id alone, so the order in which flags
// arrive changes nothing. Not safe for concurrent use.
type Reactor struct {
	// SDK is the name receipts carry. Default "riskd-sim/1".
	SDK   string
	faces map[faceKey]*face
	// oldest sessions first, to forget them.
	order  []faceKey
	serial uint64
}

type faceKey struct{ tenant, session string }

// face is a session as the app in front of it sees it.
type face struct {
	last      *riskdv1.Event
	truth     Truth
	challenge string
	revision  uint64
	until     int64 // busy with a challenge
	proven    int64
	acr       string
	amr       []string
	answered  bool
	over      bool
	waiting   *riskdv1.Event // the access that was stopped
}

// NewReactor knows no sessions yet.
func NewReactor() *Reactor { return &Reactor{SDK: "riskd-sim/1", faces: map[faceKey]*face{}} }

// Admit passes an event of the world through the app: it may change the event.
func (r *Reactor) Admit(it *Item) Verdict {
	ev := it.Event
	if ev.Session.GetId() == "" || ev.Type != activityType || ev.User.GetKind() == "service" {
		return Send
	}
	f := r.face(faceKey{ev.TenantId, ev.Session.Id})
	if f.over {
		return Drop
	}
	if ev.TimeMs < f.until {
		ev.TimeMs = f.until + int64(hash64(ev.Id)%20_000)
		return Later
	}
	if f.proven > 0 {
		ev.Session = &riskdv1.Session{Id: ev.Session.Id, AuthTimeMs: f.proven, Acr: f.acr, Amr: f.amr}
	}
	f.last, f.truth = ev, it.Truth
	if needsProof(ev.Action, ev.Resource.GetSensitivity()) && !fresh(f.proven, ev.TimeMs, ev.Action, ev.Resource.GetSensitivity()) {
		f.waiting = proto.Clone(ev).(*riskdv1.Event)
		ev.Outcome, ev.Bytes = "challenged", 0
	}
	return Send
}

func (r *Reactor) face(k faceKey) *face {
	f := r.faces[k]
	if f == nil {
		if len(r.order) == maxFaces {
			delete(r.faces, r.order[0])
			r.order = r.order[1:]
		}
		f = &face{}
		r.faces[k] = f
		r.order = append(r.order, k)
	}
	return f
}

// React returns what follows from a flag, in time order. The events are to be sent as they are,
// not through [Reactor.Admit].
func (r *Reactor) React(flag Flag) []Item {
	f := r.faces[faceKey{flag.Tenant, flag.Session}]
	if f == nil || f.last == nil {
		return nil
	}
	switch flag.State {
	case "required":
		return r.asked(f, flag)
	case "denied":
		return r.refused(f, flag)
	case "satisfied", "clear", "cancelled":
		return r.cleared(f, flag)
	}
	return nil
}

// asked: the app shows the challenge and somebody answers it, or does not.
func (r *Reactor) asked(f *face, flag Flag) []Item {
	again := f.challenge == flag.ChallengeID
	if again && f.answered && flag.Cause == "" {
		return nil // the answer is on its way
	}
	if f.over || again && (flag.Revision <= f.revision || flag.Cause != "" && flag.Cause != "weak_acr" && flag.Cause != "stale_auth_time") {
		return nil
	}
	rnd := newRNG(hash64(flag.ChallengeID), flag.Revision)
	f.challenge, f.revision, f.answered = flag.ChallengeID, flag.Revision, false
	at := max(f.last.TimeMs, flag.Issued, f.until) + 1 + rnd.between(200, 2500)
	p := answer{r: r, f: f, flag: flag, rnd: &rnd, at: at}
	if !again {
		p.receipt("shown")
		p.result("started", "success", "")
	}
	if f.truth.Kind != Honest && f.truth.Kind != Insider {
		p.attacker()
	} else {
		p.honest(again)
	}
	return p.out
}

// refused: the session is blocked for good. Nobody gets in, and sometimes an analyst confirms why.
func (r *Reactor) refused(f *face, flag Flag) []Item {
	if f.over {
		return nil
	}
	rnd := newRNG(hash64(flag.ChallengeID), 0xDE)
	p := answer{r: r, f: f, flag: flag, rnd: &rnd, at: max(f.last.TimeMs, flag.Issued, f.until) + rnd.between(300, 4000)}
	f.over = true
	p.receipt("denied")
	if f.truth.Kind != Honest && rnd.chance(0.4) {
		p.at += rnd.between(2*minute, 40*minute)
		ev := p.event("dev.riskd.feedback.v1", "feedback.attack", "success")
		ev.Feedback = &riskdv1.Feedback{Verdict: "attack", Author: "analyst"}
		p.add(ev)
	}
	return p.out
}

// cleared: the way is free, and the access that was stopped goes through.
func (r *Reactor) cleared(f *face, flag Flag) []Item {
	if f.over || f.challenge == "" || flag.ChallengeID != "" && flag.ChallengeID != f.challenge {
		return nil
	}
	if !f.answered {
		return nil
	}
	flag.ChallengeID = f.challenge
	rnd := newRNG(hash64(flag.ChallengeID), 0xC1)
	p := answer{r: r, f: f, flag: flag, rnd: &rnd, at: max(f.last.TimeMs, flag.Issued, f.proven) + rnd.between(100, 900)}
	f.challenge, f.answered = "", false
	p.receipt("passed")
	if ev := f.waiting; ev != nil && ev.Session.GetId() == f.last.Session.GetId() {
		f.waiting = nil
		p.at += rnd.between(200, 3000)
		ev.TimeMs, ev.Id = p.at, ""
		ev.Session = &riskdv1.Session{Id: ev.Session.Id, AuthTimeMs: f.proven, Acr: f.acr, Amr: f.amr}
		p.add(ev)
		p.at += 5
		p.receipt("allowed")
	}
	f.until = max(f.until, p.at+rnd.between(500, 6000))
	return p.out
}
