package payroll

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
)

// route lays out the site. What riskd decides about is wrapped in Protect, each with its own answers.
func (a *App) route() error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // one instance, and sessions die with it anyway
	mw, err := a.risk.Middleware(sdk.MiddlewareConfig{
		Identify: a.identify, StepUpURL: "/step-up", LoginURL: "/login", ReturnKey: key,
		DeniedPage:      a.page("denied", "Session closed"),
		UnavailablePage: a.page("unavailable", "One moment"),
	})
	if err != nil {
		return err
	}
	a.mw = mw

	mux := http.NewServeMux()
	var errs []error
	protect := func(pattern string, route sdk.RouteConfig, h http.HandlerFunc) {
		route.Name, route.MaxStaleness = pattern, a.cfg.MaxStaleness
		guarded, err := mw.Protect(route)
		if err != nil {
			errs = append(errs, err)
			return
		}
		mux.Handle(pattern, guarded(h))
	}
	page := func(id string, s sdk.Sensitivity) sdk.Resource {
		return sdk.Resource{Type: "page", ID: id, Sensitivity: s}
	}

	// Everyday pages go on working when riskd cannot be heard; the receipts say so.
	protect("GET /home", sdk.RouteConfig{Action: "resource.read", Resource: page("home", sdk.Internal), OnUnavailable: sdk.Allow}, a.home)
	protect("GET /keys", sdk.RouteConfig{Action: "resource.read", Resource: page("keys", sdk.Internal), OnUnavailable: sdk.Allow}, a.showKeys)
	protect("GET /account", sdk.RouteConfig{Action: "resource.read", Resource: page("account", sdk.Internal), OnUnavailable: sdk.Allow}, a.account)
	// Salaries want a second factor in this session, and in this browser.
	restricted := sdk.RouteConfig{Resource: page("payroll", sdk.Restricted), OnUnavailable: sdk.StepUp, RequireACR: "aal2", MaxAge: 12 * time.Hour}
	restricted.Action = "resource.read"
	protect("GET /payroll", restricted, a.payroll)
	restricted.Action = "resource.export"
	protect("GET /payroll/export.csv", restricted, a.export)
	// What outlives the session wants a fresh one.
	critical := sdk.RouteConfig{OnUnavailable: sdk.Deny, RequireACR: "aal2", MaxAge: 5 * time.Minute}
	critical.Action, critical.Resource, critical.ReturnTo = "apikey.create", sdk.Resource{Type: "apikey", Sensitivity: sdk.Critical}, "/keys"
	protect("POST /keys", critical, a.createKey)
	// A second factor is changed under the protection of the one there is; the first, of a fresh login.
	change := func(pattern, action string, h http.HandlerFunc) {
		more := critical
		more.Name, more.MaxStaleness, more.Action, more.ReturnTo = pattern, a.cfg.MaxStaleness, action, "/account"
		more.Resource = sdk.Resource{Type: "account", ID: "second-factor", Sensitivity: sdk.Critical}
		first := more
		first.RequireACR, first.MaxAge = "aal1", 15*time.Minute
		guardMore, err1 := mw.Protect(more)
		guardFirst, err2 := mw.Protect(first)
		if err := errors.Join(err1, err2); err != nil {
			errs = append(errs, err)
			return
		}
		withMore, withFirst := guardMore(h), guardFirst(h)
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s := a.sessions.find(a.cookie(r, "session")); s != nil && !s.person.hasFactor() {
				withFirst.ServeHTTP(w, r)
				return
			}
			withMore.ServeHTTP(w, r)
		})
	}
	change("GET /account/authenticator", "resource.read", a.showAuthenticator)
	change("POST /account/authenticator", "account.mfa_change", a.enrolAuthenticator)
	change("POST /account/passkey/begin", "resource.read", a.beginPasskey)
	change("POST /account/passkey", "account.mfa_change", a.finishPasskey)

	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/home", http.StatusSeeOther) })
	mux.HandleFunc("GET /login", a.showLogin)
	mux.HandleFunc("POST /login", a.login)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("GET /step-up", a.showStepUp)
	mux.HandleFunc("POST /step-up", a.tryCode)
	mux.HandleFunc("POST /step-up/passkey/begin", a.beginPasskeyStepUp)
	mux.HandleFunc("POST /step-up/passkey", a.tryPasskey)
	mux.HandleFunc("POST /step-up/not-me", a.notMe)
	mux.HandleFunc("GET /step-up/state", a.stepUpState)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, a.risk.Guard().Status()) })
	static, err := fs.Sub(files, "static")
	errs = append(errs, err)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))

	// Forms of other origins are refused by what browsers say of where a request comes from; the session
	// cookie being SameSite=Lax is the second lock.
	a.handler = a.headers(http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, 64<<10)))
	return errors.Join(errs...)
}

// headers keeps foreign content out and these pages out of foreign frames and caches.
func (a *App) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}
