package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Enforcer decides for servers that are not net/http whether a request of a session may go on, and reports what was done with it, as
// [Middleware] does, which is made of one. Package sdk/interceptor is one for gRPC. Safe for concurrent use.
type Enforcer struct {
	c         *Client
	stepUpACR string
	attempts  *attempts
	receipts  *receipts
}

// Enforcer makes one. stepUpACR is what on_unavailable: step_up asks for; "" is aal2. A client without a broker cannot have
// one ([ErrNoGuard]).
func (c *Client) Enforcer(stepUpACR string) (*Enforcer, error) {
	var errs []error
	if c.guard == nil {
		errs = append(errs, ErrNoGuard)
	}
	if stepUpACR == "" {
		stepUpACR = "aal2"
	}
	if !slices.Contains(c.acrOrder, stepUpACR) {
		errs = append(errs, fmt.Errorf("step_up_acr %q is not among %q", stepUpACR, c.acrOrder))
	}
	return &Enforcer{c: c, stepUpACR: stepUpACR, attempts: newAttempts(), receipts: newReceipts(c)}, errors.Join(errs...)
}

// Protected is one operation that an [Enforcer] protects.
type Protected struct {
	e     *Enforcer
	route RouteConfig
}

// Protect checks what is wanted of an operation, as [Middleware.Protect] does. ReturnTo means nothing here.
func (e *Enforcer) Protect(route RouteConfig) (*Protected, error) {
	if err := route.validate(e.c.acrOrder, e.c.heartbeat); err != nil {
		return nil, fmt.Errorf("protecting route %q: %w", route.Name, err)
	}
	return &Protected{e, route}, nil
}

// RulingKind is what has to be done with a request.
type RulingKind uint8

// The kinds. A ruling that is not RulingPass ends the request.
const (
	// RulingUnavailable: nobody can say whether the session is clear, and the route denies then. It is the zero value.
	RulingUnavailable RulingKind = iota
	// RulingPass lets the request go on.
	RulingPass
	// RulingChallenge wants the proof that Want names.
	RulingChallenge
	// RulingRefuse: the session may do nothing more.
	RulingRefuse
)

// Ruling says what has to be done with a request.
type Ruling struct {
	Kind RulingKind
	// ChallengeID names the step-up that answers a RulingChallenge; [Client.Challenge] takes it.
	ChallengeID string
	// Want is the proof that is asked for.
	Want Requirement
	// Local: the route asks for the proof of its own accord, and no flag does. Want.MaxAge 0 is any age then, and otherwise "newer than the
	// challenge".
	Local bool
	// Verdict behind a challenge or a refusal; zero when the route's own rule decided.
	Verdict Verdict
}

// Decide rules on a request of p, and leaves the receipt of it. A refused session that is revoked is said to have been ended
// when ends is true: the caller ends it then.
func (o *Protected) Decide(p Presence, ends bool) Ruling {
	e, now := o.e, o.e.c.now()
	what := e.rule(p, &o.route, now)
	out := Ruling{Want: what.want, Local: what.local, Verdict: what.verdict, ChallengeID: what.verdict.ChallengeID()}
	switch what.kind {
	case deny:
		out.Kind = RulingRefuse
		e.denied(p, &o.route, what, ends)
	case challenge:
		out.Kind = RulingChallenge
		out.ChallengeID = e.challenged(p, &o.route, what, now)
	case unavailable:
		e.unavailable(p, &o.route)
	default:
		out.Kind = RulingPass
		e.passed(p, &o.route, what)
	}
	return out
}

// Held tells whether a flag has come up against p, for what goes on for long: a stream. It costs what [Guard.Check] does, and allocates
// nothing; Decide has to be asked then.
func (o *Protected) Held(p *Presence) bool {
	held := func(session string) bool {
		s := o.e.c.guard.Check(p.Tenant, session).On(o.route.Action, o.route.Resource).State
		return s == Required || s == Denied
	}
	return held(p.SessionID) || p.Of != "" && held(p.Of)
}

// Done reports a request that passed, unless the route is unreported.
func (o *Protected) Done(p Presence, began time.Time, outcome Outcome) {
	if !o.route.Unreported {
		o.e.done(p, &o.route, began, outcome, 0)
	}
}

// WithPresence gives a handler whose request it is, for [PresenceOf].
func WithPresence(ctx context.Context, p Presence) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// rule asks the guard, and the route.
func (e *Enforcer) rule(p Presence, route *RouteConfig, now time.Time) ruling {
	own := e.c.guard.Check(p.Tenant, p.SessionID).On(route.Action, route.Resource)
	of := own
	if p.Of != "" {
		of = e.c.guard.Check(p.Tenant, p.Of).On(route.Action, route.Resource)
	}
	return route.rule(p, own, of, e.c.acrOrder, e.stepUpACR, now)
}

// denied leaves the receipt of a refusal.
func (e *Enforcer) denied(p Presence, route *RouteConfig, what ruling, ends bool) {
	e.c.count.blocked.Add(1)
	reason := ""
	if ends && what.verdict.Revoked() {
		reason = "session ended"
	}
	e.receipts.send(p, route, what.verdict.ChallengeID(), resultDenied, reason)
}

func (e *Enforcer) unavailable(p Presence, route *RouteConfig) {
	e.c.count.unavailable.Add(1)
	e.receipts.send(p, route, "", resultStale, "unavailable")
}

// challenged leaves the receipt of a challenge, and names it. When the route's own rule asks, the attempt is reported first: its
// decision raises the challenge whose id is already known here.
func (e *Enforcer) challenged(p Presence, route *RouteConfig, what ruling, now time.Time) (challengeID string) {
	id := what.verdict.ChallengeID()
	if what.local {
		e.c.count.localStepUps.Add(1)
		id = e.attempt(p, route, now)
	}
	e.c.count.stepUps.Add(1)
	reason := ""
	if what.stale {
		reason = "unavailable"
	}
	e.receipts.send(p, route, id, resultShown, reason)
	return id
}

// attempt reports that the route stopped a request of its own accord. Attempts that follow at once are the same one.
func (e *Enforcer) attempt(p Presence, route *RouteConfig, now time.Time) (challengeID string) {
	return e.attempts.once(attemptKey{p.Tenant, p.SessionID, route.Name, p.Proof.AuthTime.UnixNano()}, now, func() string {
		ev := p.Event(route.Action, OutcomeChallenged)
		ev.ID, ev.Time, ev.Resource = newID(now), now, route.Resource
		if _, err := e.c.Report(ev); err != nil {
			e.c.log.Error("riskd attempt not reported", "route", route.Name, "error", err)
		}
		return e.c.challengeOf(p.Tenant, p.SessionID, ev.ID)
	})
}

// passed leaves a receipt where nobody knew, and where a proof opened the way: at every access that wanted one, and at the
// first elsewhere after a challenge.
func (e *Enforcer) passed(p Presence, route *RouteConfig, what ruling) {
	if what.kind == failOpen {
		e.c.count.failedOpen.Add(1)
		e.receipts.send(p, route, "", resultFailOpen, "")
		return
	}
	e.c.count.passed.Add(1)
	reason := ""
	if what.stale {
		reason = "proven while unavailable"
	}
	if route.RequireACR != "" || route.MaxAge > 0 || what.stale {
		e.receipts.send(p, route, p.Proof.ChallengeID, resultAllowed, reason)
	} else if p.Proof.ChallengeID != "" {
		e.receipts.first(p, route, p.Proof.ChallengeID, resultAllowed)
	}
}

// done reports a request that passed.
func (e *Enforcer) done(p Presence, route *RouteConfig, began time.Time, outcome Outcome, bytes uint64) {
	ev := p.Event(route.Action, outcome)
	ev.Time, ev.Resource, ev.Bytes = began, route.Resource, bytes
	_, _ = e.c.Report(ev) // counted, and logged by the reporter; the user has been served
}

// ErrPresence tells that an application does not say whose request it is.
var ErrPresence = errors.New("tenant, user and session are required, and at most 128 bytes long")

// Presence resolves an identity and refuses one that is not whole ([ErrPresence]).
func (e *Enforcer) Presence(id Identity) (Presence, error) {
	p := e.c.Presence(id)
	if p.Tenant == "" || p.User.ID == "" || p.SessionID == "" || len(p.SessionID) > MaxID {
		return p, ErrPresence
	}
	return p, nil
}

// Unidentified counts and logs a request of which the application cannot say whose it is; it is answered as unavailable.
func (e *Enforcer) Unidentified(route string, err error) {
	e.c.log.Error("riskd cannot identify a request", "route", route, "error", err)
	e.c.count.unavailable.Add(1)
}
