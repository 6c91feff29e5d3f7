// Package payroll is Northwind Payroll, the demo application: logins, an ordinary page, a restricted
// page, a critical change, and the page that runs the second factor when riskd asks for one.
//
// It keeps everything in memory and forgets it at the end. An App is safe for concurrent use.
package payroll

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
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
