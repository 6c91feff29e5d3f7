// Package console is the role in which people see what riskd decided and act on it: a JSON API over the named questions
// of package story, the pages that read it (web/, TypeScript, built beforehand and embedded), and sign-in with roles.
//
// Everything but sign-in needs a person: viewers look, analysts also act (feedback, re-drive), admins also read the audit.
// Every look at a person's story is written down before it is shown; see package audit. What changes something needs the
// token that belongs to the sign-in, and comes from this site.
//
// While ClickHouse is away the pages say so and go on asking. A Service is safe for concurrent use.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/services/console/audit"
)

// Stories are the answers the console shows; *story.Reader gives them.
type Stories interface {
	Live(ctx context.Context, f story.LiveFilter, now time.Time) ([]story.Decision, error)
	Overview(ctx context.Context, tenant string, window time.Duration, now time.Time) (story.Overview, error)
	TopUsers(ctx context.Context, tenant string, since time.Time, most int) ([]story.TopUser, error)
	Challenges(ctx context.Context, f story.ChallengeFilter) ([]story.Challenge, error)
	Session(ctx context.Context, tenant, session string, limit int) (story.SessionStory, error)
	SessionPlaces(ctx context.Context, tenant, session string) ([]story.Place, error)
	SessionFeedback(ctx context.Context, tenant, session string) ([]story.Feedback, error)
	User(ctx context.Context, tenant, user string, since time.Time) (story.UserStory, error)
	UserPlaces(ctx context.Context, tenant, user string, since time.Time) ([]story.Place, error)
	Decision(ctx context.Context, tenant, event string) ([]story.Decision, error)
	DeadLetters(ctx context.Context, tenant, reason string, since time.Time, limit int) ([]story.DeadLetter, error)
	DeadReasons(ctx context.Context, tenant string, since time.Time) ([]story.DeadReason, error)
	DeadBytes(ctx context.Context, keys []string, since time.Time) ([]story.DeadBytes, error)
	Find(ctx context.Context, q string) ([]story.Found, error)
	Tenants(ctx context.Context) ([]string, error)
	SeenWith(ctx context.Context, kind, value, tenant string, since time.Time, limit int) ([]story.Seen, error)
	Calibration(ctx context.Context, tenant string, since time.Time) ([]story.Calibration, error)
	RuleHits(ctx context.Context, tenant string, since time.Time) ([]story.RuleHits, error)
	Notices(ctx context.Context, f story.NoticeFilter) ([]story.Notice, error)
	NoticesByRule(ctx context.Context, f story.NoticeFilter) ([]story.NoticesOfRule, error)
	EvidenceHits(ctx context.Context, tenant string, since time.Time) ([]story.EvidenceHits, error)
	Fatigue(ctx context.Context, tenant string, since, weeks, now time.Time) (story.Fatigue, error)
	Persisted(ctx context.Context) ([]story.Persisted, error)
	Looks(ctx context.Context, f story.LookFilter, since time.Time) ([]story.Look, error)
}

// Publisher puts an event on the road and returns when the broker has it. The event is valid.
type Publisher interface {
	Publish(ctx context.Context, ev *riskdv1.Event) error
}

// Head is how far the broker's side of one partition is.
type Head struct {
	Partition int
	// Input is the last event's position, Judged the last one that a journal record includes, Journal that record.
	Input, Judged, Journal uint64
}

// Road tells how far the broker's side of each partition is.
type Road interface {
	Heads(ctx context.Context) ([]Head, error)
}

// Audit writes down looks and actions; *audit.Book does.
type Audit interface {
	Write(ctx context.Context, e audit.Entry) error
	Note(e audit.Entry)
}

// Deps is what a console works with.
type Deps struct {
	Stories Stories
	Audit   Audit
	Desk    *signin.Desk
	// Publisher is nil where no broker can be reached: looking works, acting does not.
	Publisher Publisher
	// Road is nil where no broker can be reached.
	Road Road
	// Policies and Trials are nil where no broker can be reached.
	Policies Policies
	Trials   Trials
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Service is the console.
type Service struct {
	cfg      Config
	stories  Stories
	audit    Audit
	desk     *signin.Desk
	pub      Publisher
	road     Road
	policies Policies
	trials   Trials
	trial    trial
	log      *slog.Logger
	m        *metrics
	listener net.Listener
	handler  http.Handler
	shared   *shared
	version  string
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
	if deps.Stories == nil || deps.Audit == nil || deps.Desk == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("console: Stories, Audit, Desk, Log and Metrics are required")
	}
	s := &Service{cfg: cfg, stories: deps.Stories, audit: deps.Audit, desk: deps.Desk, pub: deps.Publisher, road: deps.Road, policies: deps.Policies, trials: deps.Trials, log: deps.Log,
		version: service.ReadBuild().Version, now: time.Now}
	var err error
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

// Run serves until ctx ends, and keeps the audit's writer running until the last answer is given.
func (s *Service) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler: s.handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var g errgroup.Group
	g.Go(func() error {
		defer stop()
		defer s.endTrial()
		return service.ServeHTTP(ctx, srv, s.listener, 0)
	})
	if w, ok := s.audit.(service.Runner); ok {
		g.Go(func() error { return w.Run(writing) })
	}
	return g.Wait()
}

// Ready is nil while the last question was answered. The pages are served either way.
func (s *Service) Ready() error {
	if err := s.down.Load(); err != nil {
		return fmt.Errorf("console: %w", *err)
	}
	return nil
}
