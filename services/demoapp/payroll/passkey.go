package payroll

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/riskd-io/riskd/pkg/sdk"
)

var errNoCeremony = errors.New("no passkey ceremony was begun")

func (a *App) beginPasskey(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		return
	}
	var known []protocol.CredentialDescriptor
	for _, c := range s.person.WebAuthnCredentials() {
		known = append(known, c.Descriptor())
	}
	options, ceremony, err := a.passkeys.BeginRegistration(s.person, webauthn.WithExclusions(known),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired}))
	a.answerCeremony(w, s, options, ceremony, err)
}

func (a *App) finishPasskey(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		return
	}
	ceremony, err := s.endCeremony()
	if err == nil {
		var c *webauthn.Credential
		if c, err = a.passkeys.FinishRegistration(s.person, *ceremony, r); err == nil {
			err = s.person.addPasskey(c)
		}
	}
	if err != nil {
		a.ceremonyFault(w, err)
		return
	}
	s.say("Your passkey is ready.")
	writeJSON(w, http.StatusOK, map[string]string{"go": "/account"})
}

func (a *App) beginPasskeyStepUp(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"go": "/login"})
		return
	}
	options, ceremony, err := a.passkeys.BeginLogin(s.person, webauthn.WithUserVerification(protocol.VerificationRequired))
	a.answerCeremony(w, s, options, ceremony, err)
}

// tryPasskey is tryCode for passkeys, over fetch: it answers where to go.
func (a *App) tryPasskey(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"go": "/login"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.flagWait)
	defer cancel()
	ch, err := a.mw.StepUp(ctx, r)
	if err != nil || ch.Verdict.State == sdk.Denied {
		writeJSON(w, http.StatusForbidden, map[string]string{"go": stepUpURL(r)})
		return
	}
	ceremony, err := s.endCeremony()
	var used *webauthn.Credential
	if err == nil {
		used, err = a.passkeys.FinishLogin(s.person, *ceremony, r)
	}
	if err != nil {
		a.check(ch.Failed("passkey not accepted"))
		a.ceremonyFault(w, err)
		return
	}
	s.person.usedPasskey(used)
	if used.Authenticator.CloneWarning {
		a.check(ch.Failed("passkey counter went back: a copy may be in use"))
		a.ceremonyFault(w, errors.New("clone warning"))
		return
	}
	to := ch.ReturnTo
	if a.prove(r.Context(), s, ch, []string{"pwd", "hwk", "user"}) == sdk.Denied {
		to = stepUpURL(r)
	}
	writeJSON(w, http.StatusOK, map[string]string{"go": to})
}

func (a *App) answerCeremony(w http.ResponseWriter, s *session, options any, ceremony *webauthn.SessionData, err error) {
	if err != nil {
		a.ceremonyFault(w, err)
		return
	}
	s.mu.Lock()
	s.ceremony = ceremony
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, options)
}

// endCeremony hands out what was begun, once.
func (s *session) endCeremony() (*webauthn.SessionData, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.ceremony
	s.ceremony = nil
	if c == nil {
		return nil, errNoCeremony
	}
	return c, nil
}

func (a *App) ceremonyFault(w http.ResponseWriter, err error) {
	a.log.Warn("passkey ceremony failed", "error", err)
	writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "The passkey was not accepted. Please try again."})
}
