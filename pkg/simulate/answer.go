package simulate

import (
	"slices"
	"strings"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// answer builds the events around one challenge.
type answer struct {
	r    *Reactor
	f    *face
	flag Flag
	rnd  *rng
	at   int64
	out  []Item
}

func (a *answer) event(typ, action, outcome string) *riskdv1.Event {
	l := a.f.last
	return &riskdv1.Event{
		Source: l.Source, Type: typ, TimeMs: a.at, TenantId: l.TenantId, User: l.User, Session: l.Session, Device: l.Device,
		Network: l.Network, Http: l.Http, Action: action, Outcome: outcome, ChallengeId: a.flag.ChallengeID, Attributes: l.Attributes,
	}
}

func (a *answer) add(ev *riskdv1.Event) {
	a.r.serial++
	if ev.Id == "" {
		ev.Id = eventID(hash64(a.flag.ChallengeID), hash64(ev.Action)+uint64(ev.TimeMs), ev.TimeMs)
	}
	a.out = append(a.out, Item{Event: ev, Truth: a.f.truth})
}

func (a *answer) result(state, outcome, reason string) {
	ev := a.event("dev.riskd.stepup."+state+".v1", "stepup."+state, outcome)
	ev.Reason = reason
	a.add(ev)
}

func (a *answer) receipt(result string) {
	ev := a.event("dev.riskd.enforcement.v1", "enforcement."+result, "success")
	ev.Enforcement = &riskdv1.Enforcement{Route: route(a.f.last), Result: result, Sdk: a.r.SDK}
	ev.Resource = a.f.last.Resource
	a.add(ev)
}

func route(ev *riskdv1.Event) string {
	app := ev.Source[strings.LastIndexByte(ev.Source, '/')+1:]
	return "/" + app + "/" + ev.Resource.GetType()
}

var (
	// Seconds people take to fetch and type a code, or to touch a key.
	totpSeconds    = curve{5, 8, 10, 12, 14, 17, 21, 26, 35, 55, 170}
	passkeySeconds = curve{2, 3, 3.5, 4, 5, 6, 7, 9, 12, 18, 60}
)

func (a *answer) think() {
	c := &totpSeconds
	if a.f.truth.Factor == "passkey" {
		c = &passkeySeconds
	}
	a.at += int64(a.rnd.from(c) * 1000)
}

// honest: most pass at once, some after a typo, a few walk away.
func (a *answer) honest(again bool) {
	f := a.f
	if !again && a.rnd.chance(0.035) {
		f.until = a.at + a.rnd.between(20*minute, 5*hour)
		if a.rnd.chance(0.5) { // some apps notice
			a.at += a.rnd.between(3*minute, 9*minute)
			a.result("abandoned", "failure", "window closed")
		}
		return
	}
	a.think()
	if !again && a.rnd.chance(0.06) {
		a.result("failed", "failure", "wrong code")
		a.think()
	}
	// A rare app reports the old login instead of the new proof. Riskd refuses that, and the app asks again.
	weak := !again && a.rnd.chance(0.012)
	f.acr, f.amr, f.proven, f.answered = "aal2", pwdOTP, a.at, true
	if f.truth.Factor == "passkey" {
		f.amr = pwdHWK
	}
	ev := a.event("dev.riskd.stepup.completed.v1", "stepup.completed", "success")
	ev.Session = &riskdv1.Session{Id: f.last.Session.GetId(), AuthTimeMs: f.proven, Acr: f.acr, Amr: slices.Clone(f.amr)}
	if weak {
		ev.Session.Acr, ev.Session.Amr = "aal1", pwd
		f.proven, f.answered = 0, false
	}
	a.add(ev)
	f.until = a.at + a.rnd.between(800, 5000)
}

// attacker: goes away, guesses, or leaves the page open.
func (a *answer) attacker() {
	f := a.f
	f.over = true
	switch x := a.rnd.float(); {
	case x < 0.40:
		a.at += a.rnd.between(2_000, 90_000)
		a.result("abandoned", "failure", "left")
	case x < 0.80:
		for range 1 + a.rnd.below(3) {
			a.at += a.rnd.between(3_000, 40_000)
			a.result("failed", "failure", "wrong code")
		}
		// Whatever he tries next is stopped.
		a.at += a.rnd.between(2_000, 60_000)
		ev := a.event(activityType, "resource.export", "denied")
		ev.Resource = &riskdv1.Resource{Type: "customer", Id: "customer", Sensitivity: "internal"}
		ev.ChallengeId = ""
		a.add(ev)
		a.receipt("denied")
	default:
		a.at += a.rnd.between(1_000, 20_000)
		a.receipt("denied")
	}
}
