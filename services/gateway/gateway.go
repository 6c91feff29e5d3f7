// Package gateway is the role for those who come by HTTP: it takes CloudEvents and puts them on
// the input, tells a session's state, and streams signals. It is stateless; run as many as needed.
//
// It does not score and knows nothing of profiles or ClickHouse. An event that it has answered
// "accepted" is stored by the broker; what it refuses is named, counted and never stored.
//
// A [Service] is safe for concurrent use.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/service"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
)

// Publisher stores events on the input. Results come in the order of evs.
type Publisher interface {
	Publish(ctx context.Context, evs []*riskdv1.Event) []Published
}

// Published is what became of one event: stored, stored already, or not known to be stored.
type Published struct {
	Duplicate bool
	Err       error
}

// Sessions answers what a session owes.
type Sessions interface {
	// State is the signal that flags the session, nil when it is clear.
	State(ctx context.Context, tenant, session string) (*riskdv1.Signal, error)
}

// Signals is the stored stream of signals.
type Signals interface {
	// Last is the position of the newest signal, 0 when there is none.
	Last(ctx context.Context) (uint64, error)
	// Open reads from a position on, 1 being the first.
	Open(from uint64) (SignalReader, error)
}

// Notices is the stored stream of notices: *kafka.Broker, *natsjs.Broker.
type Notices interface {
	NewestNotice(ctx context.Context) (uint64, error)
	OpenNotices(from uint64) (broker.NoticeReader, error)
}

// SignalReader is one reader of the stream, for one goroutine.
type SignalReader interface {
	// Take appends at least one signal to dst; it blocks until ctx ends.
	Take(ctx context.Context, dst []Positioned) ([]Positioned, error)
	Close()
}

// Positioned is a signal, or a notice, and its position in its stream. Neither is there where the stream holds something else.
type Positioned struct {
	Position uint64
	Signal   *riskdv1.Signal
	Notice   *notice.Notice
}

// Deps are what the role works with. All but Listener and Now are required.
type Deps struct {
	Publisher Publisher
	Sessions  Sessions
	Signals   Signals
	Notices   Notices
	Keys      *Keys
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	// Listener, when given, is served instead of Config.Listen.
	Listener net.Listener
	// Now is the clock that future-dated events are held against. Default time.Now.
	Now func() time.Time
}

// Service is the role.
type Service struct {
	cfg      Config
	deps     Deps
	metrics  *metrics
	limits   *limits
	server   *http.Server
	listener net.Listener
	posts    chan struct{}
	streams  chan struct{}

	mu       sync.Mutex
	broken   error // why the broker refused last; nil when it took the last event
	brokenAt time.Time
}

// brokenFor is how long a refusal of the broker counts: whoever is not ready gets no requests, so
// only time can tell that it is over.
const brokenFor = 10 * time.Second

// New validates, binds the address and starts nothing. The caller runs the result, or closes it.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Publisher == nil || deps.Sessions == nil || deps.Signals == nil || deps.Notices == nil || deps.Keys == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("gateway: Publisher, Sessions, Signals, Notices, Keys, Log and Metrics are required")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, deps: deps, metrics: m, limits: newLimits(cfg.EventsPerSecond, cfg.Burst),
		posts: make(chan struct{}, cfg.MaxRequests), streams: make(chan struct{}, cfg.MaxStreams),
		listener: deps.Listener,
	}
	if s.listener == nil {
		if s.listener, err = service.Listen(cfg.Listen, ListenFlag); err != nil {
			return nil, err
		}
	}
	s.server = &http.Server{
		Handler: s.Handler(), IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(deps.Log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Addr is where the gateway listens.
func (s *Service) Addr() string { return s.listener.Addr().String() }

// Close gives up the address of a Service that is not going to run.
func (s *Service) Close() error { return s.listener.Close() }

// Run serves until ctx ends, and follows changes of the key file.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.followKeys(ctx) })
	err := service.ServeHTTP(ctx, s.server, s.listener, s.cfg.RequestTimeout)
	cancel()
	return err
}

func (s *Service) followKeys(ctx context.Context) {
	tick := time.NewTicker(s.cfg.ReloadKeys)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			changed, err := s.deps.Keys.Reload()
			if err != nil {
				s.metrics.keyErrors.Inc()
				s.deps.Log.Warn("api keys not reloaded, those in use stay", "error", err)
			} else if changed {
				s.deps.Log.Info("api keys reloaded", "keys", s.deps.Keys.Len())
			}
		}
	}
}

// Ready tells whether the gateway can take events: an error for a while after the broker has
// refused some.
func (s *Service) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil || time.Since(s.brokenAt) > brokenFor {
		return nil
	}
	return fmt.Errorf("broker does not take events: %w", s.broken)
}

func (s *Service) noteBroker(err error) {
	s.mu.Lock()
	s.broken, s.brokenAt = err, time.Now()
	s.mu.Unlock()
}

// Handler is everything the gateway answers; the OpenAPI description is served beside it.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/events", s.route("events", ScopePublish, s.postEvents))
	mux.Handle("GET /v1/sessions/{tenant}/{session}", s.route("session", ScopeRead, s.getSession))
	mux.Handle("GET /v1/signals", s.route("signals", ScopeRead, s.getSignals))
	mux.Handle("GET /v1/notices", s.route("notices", ScopeRead, s.getNotices))
	mux.Handle("GET /healthz", s.route("health", "", s.getHealth))
	mux.Handle("GET /openapi.json", s.route("openapi", "", s.getOpenAPI))
	mux.Handle("/", s.route("none", "", s.notFound))
	return mux
}
