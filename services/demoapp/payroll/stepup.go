package payroll

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
)

const (
	// flagWait is how long the page waits for the flag of a challenge that was raised a moment ago.
	flagWait = 1500 * time.Millisecond
	// settleWait is how long a proof may take to be judged before the page says that it is being looked at.
	settleWait = 3 * time.Second
)

// stepUp finds the challenge that a request to the step-up page is about. It answers itself, and returns
// nil, when there is none to go on with.
func (a *App) stepUp(w http.ResponseWriter, r *http.Request) (*sdk.Challenge, *session) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.flagWait)
	defer cancel()
	ch, err := a.mw.StepUp(ctx, r)
	switch {
	case errors.Is(err, sdk.ErrAnonymous):
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil, nil
	case err != nil: // nothing is asked: an old tab, or somebody's idea of a link
		http.Redirect(w, r, "/home", http.StatusSeeOther)
		return nil, nil
	case ch.Verdict.State == sdk.Denied:
		a.denied(w, r)
		return nil, nil
	}
	return ch, s
}

func (a *App) denied(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusForbidden, "denied", "Session closed", nil)
}

func (a *App) showStepUp(w http.ResponseWriter, r *http.Request) {
	ch, s := a.stepUp(w, r)
	if ch == nil {
		return
	}
	if s.firstShown(ch.ID) {
		a.check(ch.Started())
	}
	a.renderStepUp(w, r, http.StatusOK, s, ch, "")
}

func (a *App) renderStepUp(w http.ResponseWriter, r *http.Request, status int, s *session, ch *sdk.Challenge, fault string) {
	code, passkeys := s.person.factors()
	reason := ch.Verdict.UserReason()
	if reason == "" {
		reason = "What you are about to open is protected. Please confirm it is you."
	}
	a.render(w, r, status, "stepup", "A quick check", map[string]any{
		"Code": code, "Passkey": passkeys > 0, "Reason": reason, "Error": fault, "Challenge": ch.ID, "Ticket": r.FormValue("t"),
	})
}

func (a *App) tryCode(w http.ResponseWriter, r *http.Request) {
	ch, s := a.stepUp(w, r)
	if ch == nil {
		return
	}
	if !a.codes.allow(s.person.ID) { // over all sessions, so that many of them do not help to guess
		w.Header().Set("Retry-After", "60")
		a.renderStepUp(w, r, http.StatusTooManyRequests, s, ch, "Too many tries. Please wait a minute.")
		return
	}
	if !s.person.useCode(r.PostFormValue("code"), a.now()) {
		a.failed(w, r, s, ch, "wrong code")
		return
	}
	a.codes.forgive(s.person.ID)
	a.passed(w, r, s, ch, []string{"pwd", "otp"})
}

// failed reports a wrong try; riskd decides whether it was the last.
func (a *App) failed(w http.ResponseWriter, r *http.Request, s *session, ch *sdk.Challenge, reason string) {
	a.check(ch.Failed(reason))
	ctx, cancel := context.WithTimeout(r.Context(), a.flagWait)
	defer cancel()
	v, _ := a.risk.Guard().Wait(ctx, ch.Presence.Tenant, ch.Presence.SessionID, func(v sdk.Verdict) bool {
		return v.State == sdk.Denied || v.Revision() > ch.Verdict.Revision()
	})
	if v.State == sdk.Denied {
		a.denied(w, r)
		return
	}
	a.renderStepUp(w, r, http.StatusUnprocessableEntity, s, ch, "That code is not right, or was used before. Please take the next one.")
}

// passed reports what was proven and waits for riskd to agree.
func (a *App) passed(w http.ResponseWriter, r *http.Request, s *session, ch *sdk.Challenge, amr []string) {
	switch a.prove(r.Context(), s, ch, amr) {
	case sdk.Denied:
		a.denied(w, r)
	case sdk.Clear:
		http.Redirect(w, r, ch.ReturnTo, http.StatusSeeOther)
	default:
		w.Header().Set("Refresh", "3;url="+ch.ReturnTo) // for those without scripts
		a.render(w, r, http.StatusOK, "checking", "One moment", map[string]any{"Return": ch.ReturnTo, "Challenge": ch.ID})
	}
}

func (a *App) prove(ctx context.Context, s *session, ch *sdk.Challenge, amr []string) sdk.State {
	proof, err := ch.Completed(sdk.Proof{ACR: "aal2", AMR: amr, AuthTime: a.now()})
	a.check(err)
	s.prove(proof)
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	v, err := ch.Settled(ctx)
	if err != nil {
		return sdk.Unknown
	}
	return v.State
}

// notMe is the owner's answer to a question that somebody else caused.
func (a *App) notMe(w http.ResponseWriter, r *http.Request) {
	ch, _ := a.stepUp(w, r)
	if ch == nil {
		return
	}
	a.check(ch.Denied("the user says it was not them"))
	ctx, cancel := context.WithTimeout(r.Context(), a.flagWait)
	defer cancel()
	_, _ = ch.Settled(ctx)
	a.denied(w, r)
}

// stepUpState is what the page asks while it is open: somebody may have answered elsewhere.
func (a *App) stepUpState(w http.ResponseWriter, r *http.Request) {
	id, err := a.identify(r)
	if err != nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"state": "signed-out"})
		return
	}
	id.UserAgent = r.UserAgent()
	p := a.risk.Presence(id)
	v := a.risk.Guard().Check(p.Tenant, p.SessionID)
	writeJSON(w, http.StatusOK, map[string]string{"state": v.State.String(), "challenge_id": v.ChallengeID()})
}

func (a *App) check(err error) {
	if err != nil {
		a.log.Error("step-up not reported", "error", err)
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// stepUpURL is the page again, with what it came with.
func stepUpURL(r *http.Request) string {
	return "/step-up?" + url.Values{"c": {r.FormValue("c")}, "t": {r.FormValue("t")}}.Encode()
}
