// Package console is the role that shows people what riskd decided: live decisions, step-ups with
// their reasons, the story of one session and of one user. It reads ClickHouse through package story
// and changes nothing.
//
// It has no login: it listens on loopback, or behind a proxy that signs people in. All that came from
// outside is escaped by html/template, and the content security policy allows no script but its own.
// While ClickHouse is away the pages say so and go on asking.
//
// A Service is safe for concurrent use.
package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/story"
)

// Stories are the answers the console shows; *story.Reader gives them.
type Stories interface {
	Live(ctx context.Context, f story.LiveFilter, now time.Time) ([]story.Decision, error)
	Overview(ctx context.Context, tenant string, window time.Duration, now time.Time) (story.Overview, error)
	Challenges(ctx context.Context, f story.ChallengeFilter) ([]story.Challenge, error)
	Session(ctx context.Context, tenant, session string, limit int) (story.SessionStory, error)
	User(ctx context.Context, tenant, user string, since time.Time) (story.UserStory, error)
	Decision(ctx context.Context, tenant, event string) ([]story.Decision, error)
	DeadLetters(ctx context.Context, tenant, reason string, since time.Time, limit int) ([]story.DeadLetter, error)
	DeadReasons(ctx context.Context, tenant string, since time.Time) ([]story.DeadReason, error)
	Find(ctx context.Context, q string) ([]story.Found, error)
	Tenants(ctx context.Context) ([]string, error)
	SeenWith(ctx context.Context, kind, value, tenant string, since time.Time, limit int) ([]story.Seen, error)
	Fatigue(ctx context.Context, tenant string, since, weeks, now time.Time) (story.Fatigue, error)
}

// Deps is what a console works with.
type Deps struct {
	Stories Stories
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Service is the console.
type Service struct {
	cfg      Config
	stories  Stories
	log      *slog.Logger
	m        *metrics
	pages    *template.Template
	listener net.Listener
	handler  http.Handler
	shared   *shared
	now      func() time.Time
	// down is why the last question failed; nil while ClickHouse answers.
	down atomic.Pointer[error]
}

// New checks the configuration and binds the port, so that a port that is taken is told at once; it
// serves nothing before Run. Close it when Run is never called.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Stories == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("console: Stories, Log and Metrics are required")
	}
	s := &Service{cfg: cfg, stories: deps.Stories, log: deps.Log, now: time.Now}
	var err error
	if s.pages, err = loadPages(); err != nil {
		return nil, fmt.Errorf("console: reading pages: %w", err)
	}
	if s.m, err = newMetrics(deps.Metrics); err != nil {
		return nil, fmt.Errorf("console: registering metrics: %w", err)
	}
	// A little less than the refresh: a tab that asks again sees something new.
	s.shared = newShared(cfg.Refresh*3/4, s.m)
	s.handler = s.guard(s.routes())
	if s.listener, err = service.Listen(cfg.Listen, ListenFlag); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is where it listens.
func (s *Service) Addr() string { return s.listener.Addr().String() }

// Close frees the port of a console that was never run.
func (s *Service) Close() error { return s.listener.Close() }

// Run serves until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler: s.handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	return service.ServeHTTP(ctx, srv, s.listener, 0)
}

// Ready is nil while the last question was answered. The pages are served either way.
func (s *Service) Ready() error {
	if err := s.down.Load(); err != nil {
		return fmt.Errorf("console: %w", *err)
	}
	return nil
}

func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for path, h := range map[string]func(*http.Request) (page, error){
		"GET /{$}":         s.shared.page(s.live),
		"GET /stepups":     s.shared.page(s.stepUps),
		"GET /fatigue":     s.shared.page(s.fatigue),
		"GET /investigate": s.investigate,
		"GET /session":     s.session,
		"GET /user":        s.user,
		"GET /decision":    s.decision,
		"GET /dead":        s.dead,
		"GET /find":        s.find,
	} {
		mux.Handle(path, s.page(path, h))
	}
	mux.Handle("GET /static/", static())
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/static/icon.svg", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, page{Name: "missing", Title: "Not found", Status: http.StatusNotFound})
	})
	return mux
}

// guard refuses foreign host names (DNS rebinding) and sets what holds for every answer.
func (s *Service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.allowedHost(r.Host) {
			http.Error(w, "this console is not known by that host name", http.StatusMisdirectedRequest)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			http.Error(w, "other sites may not read this console", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) allowedHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(strings.ToLower(host), "[]")
	return loopback(host) || slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// maxQuery bounds each value of a query.
const maxQuery = 512

// page runs one page's handler, and turns its errors into a page that says what to do.
func (s *Service) page(route string, h func(*http.Request) (page, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		for _, vs := range r.URL.Query() {
			for _, v := range vs {
				if len(v) > maxQuery {
					s.write(w, r, page{Name: "missing", Title: "Too long", Status: http.StatusBadRequest})
					return
				}
			}
		}
		p, err := h(r)
		switch {
		case err == nil:
			s.down.Store(nil)
		case errors.Is(err, story.ErrNotFound):
			s.down.Store(nil)
			p = page{Name: "missing", Title: "Nothing found", Status: http.StatusNotFound, Data: missing{Tenant: r.URL.Query().Get("tenant"), What: firstOf(r, "id", "event")}}
		case r.Context().Err() != nil:
			return // nobody waits for it
		default:
			s.down.Store(&err)
			s.log.Warn("a question could not be answered", "route", route, "error", err)
			p = page{Name: "away", Title: "ClickHouse does not answer", Status: http.StatusServiceUnavailable, Data: away{Error: short(err)}}
		}
		s.write(w, r, p)
		s.m.seconds.WithLabelValues(route).Observe(s.now().Sub(start).Seconds())
	})
}

func (s *Service) write(w http.ResponseWriter, r *http.Request, p page) {
	if p.To != "" {
		http.Redirect(w, r, p.To, http.StatusSeeOther)
		return
	}
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	p.Now, p.Path, p.Query = s.now().UTC(), r.URL.Path, r.URL.Query().Get("q")
	p.RefreshMS = int(s.cfg.Refresh.Milliseconds())
	name := "layout"
	if r.URL.Query().Get("fragment") == "1" {
		name = p.Name
	}
	var b strings.Builder
	if err := s.render(&b, name, p); err != nil {
		s.log.Error("a page could not be rendered", "page", p.Name, "error", err)
		http.Error(w, "this page could not be rendered", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = io.WriteString(w, b.String()) // a client that is gone needs no answer
}

func firstOf(r *http.Request, names ...string) string {
	for _, n := range names {
		if v := r.URL.Query().Get(n); v != "" {
			return v
		}
	}
	return ""
}

// short cuts an error to what helps a reader.
func short(err error) string {
	t := err.Error()
	if i := strings.IndexByte(t, '\n'); i > 0 {
		t = t[:i]
	}
	if len(t) > 300 {
		t = t[:300] + " …"
	}
	return t
}
