package console

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/services/console/api"
)

// How long lists are.
const (
	homeChallenges = 8
	homeUsers      = 8
	challengeRows  = 200
)

// tenants are never nil: pages count them.
func (s *Service) tenants(ctx context.Context) ([]string, error) {
	ts, err := s.stories.Tenants(ctx)
	if ts == nil {
		ts = []string{}
	}
	return ts, err
}

func (s *Service) overview(r *http.Request) (any, error) {
	ctx, now, tenant, window := r.Context(), s.now(), r.URL.Query().Get("tenant"), windowOf(r, "24h")
	o, err := s.stories.Overview(ctx, tenant, window, now)
	if err != nil {
		return nil, err
	}
	cs, err := s.stories.Challenges(ctx, story.ChallengeFilter{Tenant: tenant, Since: now.Add(-max(window, 24*time.Hour)), Limit: homeChallenges})
	if err != nil {
		return nil, err
	}
	us, err := s.stories.TopUsers(ctx, tenant, now.Add(-window), homeUsers)
	if err != nil {
		return nil, err
	}
	ts, err := s.tenants(ctx)
	return api.Home{Overview: api.NewOverview(&o), Challenges: api.Challenges(cs), Users: api.NewTopUsers(us), Tenants: ts, AsOf: api.When(now)}, err
}

// liveFilter is what a request narrows the feed to.
func (s *Service) liveFilter(r *http.Request) story.LiveFilter {
	q := r.URL.Query()
	least, _ := strconv.ParseFloat(q.Get("min_risk"), 64) // 0 when it is no number
	return story.LiveFilter{Tenant: q.Get("tenant"), User: q.Get("user"), Action: q.Get("action"), Level: q.Get("level"),
		Country: q.Get("country"), Kind: q.Get("kind"), MinRisk: min(max(least, 0), 100), Limit: s.cfg.Rows}
}

func (s *Service) live(r *http.Request) (any, error) {
	ctx, now := r.Context(), s.now()
	rows, err := s.stories.Live(ctx, s.liveFilter(r), now)
	if err != nil {
		return nil, err
	}
	last, err := s.stories.Live(ctx, story.LiveFilter{Limit: 1}, now)
	if err != nil {
		return nil, err
	}
	ts, err := s.tenants(ctx)
	out := api.Live{Rows: api.Rows(rows), Tenants: ts, AsOf: api.When(now)}
	if len(last) > 0 {
		out.LastDecided = api.When(last[0].DecidedAt)
	}
	return out, err
}

func (s *Service) stepUps(r *http.Request) (any, error) {
	ctx, q, now, window := r.Context(), r.URL.Query(), s.now(), windowOf(r, "24h")
	cs, err := s.stories.Challenges(ctx, story.ChallengeFilter{Tenant: q.Get("tenant"), State: q.Get("state"), Since: now.Add(-window), Limit: challengeRows})
	if err != nil {
		return nil, err
	}
	o, err := s.stories.Overview(ctx, q.Get("tenant"), window, now)
	if err != nil {
		return nil, err
	}
	ts, err := s.tenants(ctx)
	return api.StepUps{Challenges: api.Challenges(cs), Funnel: api.Funnel(o.Funnel), Tenants: ts, AsOf: api.When(now)}, err
}

// fatigue is what step-ups do to users, and where they do not hold.
func (s *Service) fatigue(r *http.Request) (any, error) {
	ctx, now, window := r.Context(), s.now(), windowOf(r, "30d")
	f, err := s.stories.Fatigue(ctx, r.URL.Query().Get("tenant"), now.Add(-window), now.Add(-max(window, 28*24*time.Hour)), now)
	if err != nil {
		return nil, err
	}
	out := api.NewFatigue(&f)
	out.AsOf = api.When(now)
	out.Tenants, err = s.tenants(ctx)
	return out, err
}

func (s *Service) rules(r *http.Request) (any, error) {
	ctx, tenant, now := r.Context(), r.URL.Query().Get("tenant"), s.now()
	since := now.Add(-windowOf(r, "24h"))
	hits, err := s.stories.RuleHits(ctx, tenant, since)
	if err != nil {
		return nil, err
	}
	evidence, err := s.stories.EvidenceHits(ctx, tenant, since)
	if err != nil {
		return nil, err
	}
	ts, err := s.tenants(ctx)
	return api.Rules{Rules: api.NewRules(hits), Evidence: api.NewEvidence(evidence), Tenants: ts, AsOf: api.When(now)}, err
}
