package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrAnonymous is what MiddlewareConfig.Identify returns for a request of nobody in particular.
var ErrAnonymous = errors.New("nobody is logged in")

// MiddlewareConfig is what all protected routes of an application share. Identify, StepUpURL and ReturnKey
// are required.
type MiddlewareConfig struct {
	// Identify tells whose request it is, from the application's own session: ErrAnonymous when nobody
	// is logged in, any other error when that cannot be told (answered with 503). It must not trust the request
	// for anything that the application did not put there.
	Identify func(*http.Request) (Identity, error)
	// StepUpURL is the path of the page that runs the second factor, such as "/step-up".
	StepUpURL string
	// LoginURL is the path where browsers log in. Empty answers 401.
	LoginURL string
	// ReturnKey signs what goes through the browser to the step-up page: at least 32 random bytes, the same in
	// all instances of the application.
	ReturnKey []byte
	// StepUpACR is what on_unavailable: step_up asks for. Default aal2.
	StepUpACR string
	// EndSession ends the application's own session when riskd has revoked it: it takes its cookie and its record away, and writes
	// no body. It may be called more than once for a session. After it the user is asked to log in, as anybody without a
	// session is (LoginURL, or 401). Without it a revoked session gets 403 like any denied one.
	EndSession func(w http.ResponseWriter, r *http.Request, p Presence)
	// DeniedPage and UnavailablePage write the page a browser sees, after the status 403 or 503 has been
	// set. Default: one plain sentence.
	DeniedPage, UnavailablePage http.Handler
}

// Middleware protects an application's routes.
type Middleware struct {
	c   *Client
	cfg MiddlewareConfig
	e   *Enforcer
}

// Middleware checks cfg and makes the middleware. A client without NATS cannot have one ([ErrNoGuard]).
func (c *Client) Middleware(cfg MiddlewareConfig) (*Middleware, error) {
	var errs []error
	e, err := c.Enforcer(cfg.StepUpACR)
	if err != nil {
		errs = append(errs, err)
	}
	if cfg.Identify == nil {
		errs = append(errs, errors.New("identify is required"))
	}
	if !localPath(cfg.StepUpURL) || strings.ContainsAny(cfg.StepUpURL, "?#") {
		errs = append(errs, fmt.Errorf("step_up_url %q is not a plain path of this origin", cfg.StepUpURL))
	}
	if cfg.LoginURL != "" && !localPath(cfg.LoginURL) {
		errs = append(errs, fmt.Errorf("login_url %q is not a path of this origin", cfg.LoginURL))
	}
	if len(cfg.ReturnKey) < minReturnKey {
		errs = append(errs, fmt.Errorf("return_key has %d bytes, want at least %d random ones", len(cfg.ReturnKey), minReturnKey))
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("configuring the riskd middleware: %w", errors.Join(errs...))
	}
	return &Middleware{c: c, cfg: cfg, e: e}, nil
}

// Protect makes the middleware of one route. The error names every setting that is missing: what happens
// when riskd cannot be heard is for the application to choose.
func (m *Middleware) Protect(route RouteConfig) (func(http.Handler) http.Handler, error) {
	if err := route.validate(m.c.acrOrder, m.c.heartbeat); err != nil {
		return nil, fmt.Errorf("protecting route %q: %w", route.Name, err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, &route, next) })
	}, nil
}

// MustProtect is Protect for routes that are fixed in the program; it panics where Protect returns an error.
func (m *Middleware) MustProtect(route RouteConfig) func(http.Handler) http.Handler {
	p, err := m.Protect(route)
	if err != nil {
		panic(err)
	}
	return p
}

type contextKey struct{}

// PresenceOf returns whose request it is, inside a protected handler.
func PresenceOf(ctx context.Context) (Presence, bool) {
	p, ok := ctx.Value(contextKey{}).(Presence)
	return p, ok
}

func (m *Middleware) serve(w http.ResponseWriter, r *http.Request, route *RouteConfig, next http.Handler) {
	p, err := m.identify(r)
	if errors.Is(err, ErrAnonymous) {
		m.askLogin(w, r)
		return
	}
	if err != nil {
		m.e.Unidentified(route.Name, err)
		m.writeUnavailable(w, r)
		return
	}
	now := m.c.now()
	what := m.e.rule(p, route, now)
	switch what.kind {
	case deny:
		m.e.denied(p, route, what, m.cfg.EndSession != nil)
		if m.cfg.EndSession != nil && what.verdict.Revoked() {
			m.cfg.EndSession(w, r, p)
			m.askLogin(w, r)
			return
		}
		m.writeDenied(w, r)
	case challenge:
		m.challenge(w, r, route, p, what, now)
	case unavailable:
		m.e.unavailable(p, route)
		m.writeUnavailable(w, r)
	default:
		m.e.passed(p, route, what)
		m.pass(w, r, route, p, next)
	}
}

func (m *Middleware) identify(r *http.Request) (Presence, error) {
	id, err := m.cfg.Identify(r)
	if err != nil {
		return Presence{}, err
	}
	if id.UserAgent == "" {
		id.UserAgent = r.UserAgent()
	}
	return m.e.Presence(id)
}

// challenge asks for a proof.
func (m *Middleware) challenge(w http.ResponseWriter, r *http.Request, route *RouteConfig, p Presence, what ruling, now time.Time) {
	id := m.e.challenged(p, route, what, now)
	t := ticket{
		Challenge: id, Session: p.SessionID, Return: returnPath(r, route.ReturnTo), ACR: what.want.ACR,
		MaxAge: int64(what.want.MaxAge / time.Second), Expires: now.Add(ticketLife).Unix(),
	}
	to := m.cfg.StepUpURL + "?" + url.Values{"c": {id}, "t": {t.seal(m.cfg.ReturnKey)}}.Encode()
	m.writeChallenge(w, r, to, id, what)
}

// pass runs the handler and reports what it did.
func (m *Middleware) pass(w http.ResponseWriter, r *http.Request, route *RouteConfig, p Presence, next http.Handler) {
	r = r.WithContext(context.WithValue(r.Context(), contextKey{}, p))
	if route.Unreported {
		next.ServeHTTP(w, r)
		return
	}
	began := m.c.now()
	rec := &recorder{ResponseWriter: w}
	finished := false
	defer func() { // also when the handler panics
		m.e.done(p, route, began, rec.outcome(finished), rec.bytes)
	}()
	next.ServeHTTP(rec, r)
	finished = true
}

// recorder notes what a handler answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  uint64
}

func (w *recorder) WriteHeader(status int) {
	if w.status < 200 { // the last informational one is replaced
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status < 200 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += uint64(n)
	return n, err
}

// Flush lets handlers that stream go on doing so.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) outcome(finished bool) Outcome {
	switch {
	case !finished, w.status >= 500, w.status >= 400 && w.status != http.StatusUnauthorized && w.status != http.StatusForbidden:
		return OutcomeFailure
	case w.status >= 400:
		return OutcomeDenied
	}
	return OutcomeSuccess
}
