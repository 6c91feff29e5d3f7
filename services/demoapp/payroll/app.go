// Package payroll is Northwind Payroll, the demo application: logins, an ordinary page, a restricted
// page, a critical change, and the page that runs the second factor when riskd asks for one.
//
// It keeps everything in memory and forgets it at the end. An App is safe for concurrent use.
package payroll

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/riskd-io/riskd/pkg/sdk"
)

//go:embed templates static
var files embed.FS

const source = "//northwind/apps/payroll"

// App is the application.
type App struct {
	cfg      Config
	log      *slog.Logger
	origin   *url.URL
	secure   bool
	now      func() time.Time
	people   map[string]*Person
	sessions *sessions
	logins   *limiter // by address and account
	codes    *limiter // by account, over all its sessions
	keys     *apiKeys
	risk     *sdk.Client
	mw       *sdk.Middleware
	passkeys *webauthn.WebAuthn
	pages    *template.Template
	handler  http.Handler
	flagWait time.Duration
}

// New builds the app and joins riskd, which need not be there yet. [App.Run] serves, [App.Close] lets go.
func New(cfg Config, log *slog.Logger) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the demo app: %w", err)
	}
	a := &App{cfg: cfg, log: log, origin: cfg.origin(), now: time.Now, keys: &apiKeys{}, flagWait: flagWait}
	a.secure = a.origin.Scheme == "https"
	clock := func() time.Time { return a.now() }
	a.sessions = newSessions(clock)
	a.logins, a.codes = newLimiter(10, time.Minute, clock), newLimiter(6, time.Minute, clock)
	var err error
	if a.people, err = people(); err != nil {
		return nil, err
	}
	if a.pages, err = parsePages(); err != nil {
		return nil, err
	}
	if a.passkeys, err = webauthn.New(&webauthn.Config{
		RPID: a.origin.Hostname(), RPDisplayName: "Northwind Payroll", RPOrigins: []string{a.origin.String()},
	}); err != nil {
		return nil, fmt.Errorf("setting up passkeys: %w", err)
	}
	if a.risk, err = cfg.join(sdk.WithTenant(cfg.Tenant), sdk.WithLogger(log), sdk.WithClock(clock)); err != nil {
		return nil, err
	}
	if err := a.route(); err != nil {
		return nil, errors.Join(err, a.Close(context.Background()))
	}
	return a, nil
}

// Close lets go of riskd, after sending what is queued.
func (a *App) Close(ctx context.Context) error { return a.risk.Close(ctx) }

// Handler is the whole site.
func (a *App) Handler() http.Handler { return a.handler }

// Run serves until ctx ends.
func (a *App) Run(ctx context.Context) error {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			a.log.Error("closing the riskd client", "error", err)
		}
	}()
	l, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s (-listen): %w", a.cfg.Listen, err)
	}
	srv := &http.Server{
		Handler: a.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	var serving sync.WaitGroup
	var serveErr error
	serving.Go(func() { serveErr = srv.Serve(l) })
	a.log.Info("serving", "origin", a.origin.String(), "listen", l.Addr().String())
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = srv.Shutdown(stop)
	serving.Wait()
	if errors.Is(serveErr, http.ErrServerClosed) {
		serveErr = nil
	}
	return errors.Join(err, serveErr)
}

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

// identify is what the SDK asks about every protected request.
func (a *App) identify(r *http.Request) (sdk.Identity, error) {
	s := a.sessions.find(a.cookie(r, "session"))
	if s == nil {
		return sdk.Identity{}, sdk.ErrAnonymous
	}
	return sdk.Identity{
		User: sdk.User{ID: s.person.ID}, Session: s.riskSession(), Device: a.cookie(r, "device"), IP: a.clientIP(r),
	}, nil
}

// clientIP is the peer's address, or what a trusted proxy says it is.
func (a *App) clientIP(r *http.Request) netip.Addr {
	if a.cfg.TrustForwarded {
		// The last entry is the one that our own proxy wrote.
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			list := strings.Split(all[len(all)-1], ",")
			if ip, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
				return ip
			}
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}
