package payroll

import (
	"net/http"

	"github.com/riskd-io/riskd/pkg/sdk"
)

func (a *App) showLogin(w http.ResponseWriter, r *http.Request) {
	if s := a.sessions.find(a.cookie(r, "session")); s != nil {
		http.Redirect(w, r, "/home", http.StatusSeeOther)
		return
	}
	a.render(w, r, http.StatusOK, "login", "Sign in", map[string]any{"Next": next(r)})
}

func (a *App) login(w http.ResponseWriter, r *http.Request) {
	name, password := r.PostFormValue("name"), r.PostFormValue("password")
	if name == "" || len(name) > 64 || len(password) > 72 { // bcrypt reads no more
		a.loginFailed(w, r, "Name or password is not right.")
		return
	}
	ip := a.clientIP(r)
	limit := ip.String() + "\x00" + name
	if !a.logins.allow(limit) {
		w.Header().Set("Retry-After", "60")
		a.render(w, r, http.StatusTooManyRequests, "login", "Sign in", map[string]any{"Next": next(r), "Error": "Too many tries. Please wait a minute."})
		return
	}
	device := a.cookie(r, "device")
	seen := sdk.Identity{User: sdk.User{ID: name}, Device: device, IP: ip, UserAgent: r.UserAgent()}
	person, ok := a.checkPassword(name, password)
	if !ok {
		a.report(a.risk.Presence(seen).Event("auth.login", sdk.OutcomeFailure))
		a.loginFailed(w, r, "Name or password is not right.")
		return
	}
	a.logins.forgive(limit)
	if old := a.cookie(r, "session"); old != "" {
		a.sessions.end(old)
	}
	if device == "" {
		device = token()
	}
	a.setCookie(w, "device", device, deviceLife) // again each time: it lives as long as it is used
	cookie, s := a.sessions.open(person, sdk.ContextOf(r.UserAgent(), device))
	a.setCookie(w, "session", cookie, sessionLife)

	seen.Device, seen.Session = device, s.riskSession()
	ev := a.risk.Presence(seen).Event("auth.login", sdk.OutcomeSuccess)
	ev.Resource = sdk.Resource{Type: "app", ID: "payroll", Sensitivity: sdk.Internal}
	a.report(ev)
	http.Redirect(w, r, next(r), http.StatusSeeOther)
}

func (a *App) loginFailed(w http.ResponseWriter, r *http.Request, text string) {
	a.render(w, r, http.StatusUnauthorized, "login", "Sign in", map[string]any{"Next": next(r), "Error": text})
}

func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	cookie := a.cookie(r, "session")
	if id, err := a.identify(r); err == nil {
		id.UserAgent = r.UserAgent()
		p := a.risk.Presence(id)
		if v := a.risk.Guard().Check(p.Tenant, p.SessionID); v.State == sdk.Required {
			if err := a.risk.Challenge(p, v.ChallengeID()).Abandoned("signed out"); err != nil {
				a.log.Error("abandoned challenge not reported", "error", err)
			}
		}
		a.report(p.Event("auth.logout", sdk.OutcomeSuccess))
	}
	a.sessions.end(cookie)
	a.setCookie(w, "session", "", 0)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// next is where to go after login: a page of ours, whatever the browser was given.
func next(r *http.Request) string {
	if to := r.FormValue("next"); sdk.LocalPath(to) {
		return to
	}
	return "/home"
}

func (a *App) report(ev sdk.Event) {
	if _, err := a.risk.Report(ev); err != nil {
		a.log.Error("event not reported", "action", ev.Action, "error", err)
	}
}
