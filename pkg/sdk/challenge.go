package sdk

import (
	"context"
	"net/http"
	"time"
)

// Challenge is one step-up as the application runs it. Make it with [Middleware.StepUp] on the page where
// the middleware sent the browser, or with [Client.Challenge].
type Challenge struct {
	ID       string
	Presence Presence
	// Verdict when the challenge was made. Its state is Required when riskd's flag is here, Denied when there
	// is nothing left to prove, Clear while the flag of a route's own rule is still on its way.
	Verdict Verdict
	// Want is what has to be proven.
	Want Requirement
	// ReturnTo is where the browser goes afterwards: a path of this origin.
	ReturnTo string

	c *Client
}

// Challenge is the step-up id of this presence.
func (c *Client) Challenge(p Presence, id string) *Challenge {
	ch := &Challenge{ID: id, Presence: p, ReturnTo: "/", c: c, Verdict: Verdict{State: Unknown}}
	if c.guard != nil {
		ch.Verdict = c.guard.Check(p.Tenant, p.SessionID)
		ch.Want = ch.Verdict.Requirement()
	}
	return ch
}

// StepUp reads, on the step-up page, what the middleware sent the browser there for. It waits until ctx ends
// for the flag of a challenge that has only just been raised, because an open challenge of the session
// counts instead of the one that was predicted. Without a flag by then the route's own requirement stands.
// It fails when nobody is logged in ([ErrAnonymous]), or nothing is asked of this session.
func (m *Middleware) StepUp(ctx context.Context, r *http.Request) (*Challenge, error) {
	p, err := m.identify(r)
	if err != nil {
		return nil, err
	}
	t, ticketErr := openTicket(m.cfg.ReturnKey, r.FormValue("t"), p.SessionID, m.c.now())
	open := func(v Verdict) bool { return v.State == Required || v.State == Denied }
	v := m.c.guard.Check(p.Tenant, p.SessionID)
	if ticketErr == nil && !open(v) {
		v, _ = m.c.guard.Wait(ctx, p.Tenant, p.SessionID, open)
	}
	ch := &Challenge{ID: v.ChallengeID(), Presence: p, Verdict: v, Want: v.Requirement(), ReturnTo: "/", c: m.c}
	if ticketErr == nil {
		ch.ReturnTo = t.Return
	}
	if open(v) {
		return ch, nil
	}
	if ticketErr != nil {
		return nil, ticketErr
	}
	ch.ID = t.Challenge
	ch.Want = Requirement{ACR: t.ACR, MaxAge: time.Duration(t.MaxAge) * time.Second}
	return ch, nil
}

// Started tells that the user sees the challenge.
func (ch *Challenge) Started() error {
	return ch.report(TypeStepUpStarted, "stepup.started", OutcomeChallenged, ch.Presence.Proof, "")
}

// Completed tells what was proven. riskd refuses a proof that is weaker than asked or older than the
// challenge; the flag then stays. Keep proof in the session (with Context and ChallengeID, which are filled in here
// and returned), so that the routes' own requirements see it.
func (ch *Challenge) Completed(proof Proof) (Proof, error) {
	proof.Context, proof.ChallengeID = ch.Presence.Context, ch.ID
	if proof.AuthTime.IsZero() {
		proof.AuthTime = ch.c.now()
	}
	err := ch.report(TypeStepUpCompleted, "stepup.completed", OutcomeSuccess, proof, "")
	if err == nil {
		ch.c.receipt(ch.Presence, "step-up", Resource{}, ch.ID, resultPassed, "", 1)
	}
	return proof, err
}

// Failed tells that a try went wrong. After a few, riskd denies the session.
func (ch *Challenge) Failed(reason string) error {
	return ch.report(TypeStepUpFailed, "stepup.failed", OutcomeFailure, ch.Presence.Proof, reason)
}

// Denied tells that the user, or the application, refused: "this was not me".
func (ch *Challenge) Denied(reason string) error {
	return ch.report(TypeStepUpDenied, "stepup.denied", OutcomeDenied, ch.Presence.Proof, reason)
}

// Abandoned tells that the user walked away, for instance by logging out.
func (ch *Challenge) Abandoned(reason string) error {
	return ch.report(TypeStepUpAbandoned, "stepup.abandoned", OutcomeFailure, ch.Presence.Proof, reason)
}

// Settled waits until the challenge is over here: the flag gone, or the session denied. Call it after Completed,
// before sending the browser on, with a context of a few seconds.
func (ch *Challenge) Settled(ctx context.Context) (Verdict, error) {
	return ch.c.guard.Wait(ctx, ch.Presence.Tenant, ch.Presence.SessionID, func(v Verdict) bool {
		return v.State == Denied || v.State == Clear || v.State == Required && v.ChallengeID() != ch.ID
	})
}

func (ch *Challenge) report(kind, action string, outcome Outcome, proof Proof, reason string) error {
	ev := ch.Presence.Event(action, outcome)
	ev.Type, ev.ChallengeID, ev.Reason = kind, ch.ID, reason
	ev.Session.ACR, ev.Session.AMR, ev.Session.AuthTime = proof.ACR, proof.AMR, proof.AuthTime
	_, err := ch.c.Report(ev)
	return err
}
