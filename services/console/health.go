package console

import (
	"net/http"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/services/console/api"
)

// deadRows bounds the list of dead letters.
const deadRows = 200

// health is how the road stands: how far each part is behind, and how much could not be used.
func (s *Service) health(r *http.Request) (any, error) {
	ctx, now, window := r.Context(), s.now(), windowOf(r, "24h")
	o, err := s.stories.Overview(ctx, "", window, now)
	if err != nil {
		return nil, err
	}
	reasons, err := s.stories.DeadReasons(ctx, r.URL.Query().Get("tenant"), now.Add(-window))
	if err != nil {
		return nil, err
	}
	v := api.NewOverview(&o)
	out := api.Health{Reasons: api.NewDeadReasons(reasons), Letters: []api.DeadLetter{}, Lags: []api.Lag{}, LastDecided: v.LastDecided, Latency: v.Latency,
		Accepted: v.Accepted, Scored: v.Scored, Duplicate: v.Duplicate, Late: v.Late, Dead: v.Dead, AsOf: api.When(now)}
	if s.road == nil {
		out.LagProblem = "This console has no broker to ask."
		return out, nil
	}
	heads, err := s.road.Heads(ctx)
	if err != nil {
		out.LagProblem = short(err)
		return out, nil
	}
	persisted, err := s.stories.Persisted(ctx)
	if err != nil {
		return nil, err
	}
	out.Lags = lags(heads, persisted)
	return out, nil
}

// lags puts the broker's side and ClickHouse's together, by partition.
func lags(heads []Head, persisted []story.Persisted) []api.Lag {
	by := map[int]story.Persisted{}
	for _, p := range persisted {
		by[int(p.Partition)] = p
	}
	out := []api.Lag{}
	for _, h := range heads {
		p := by[h.Partition]
		// The two sides are asked one after the other, so either may be ahead by now.
		out = append(out, api.Lag{Partition: uint32(h.Partition), Waiting: behind(h.Input, h.Judged), Unwritten: behind(h.Journal, p.Seq), Persisted: api.When(p.Decided)})
	}
	return out
}

func behind(head, at uint64) uint64 {
	if head <= at {
		return 0
	}
	return head - at
}

// dead are the dead letters themselves: they hold what people sent, so a look at them is written down.
func (s *Service) dead(r *http.Request) (any, error) {
	q, now := r.URL.Query(), s.now()
	letters, err := s.stories.DeadLetters(r.Context(), q.Get("tenant"), q.Get("reason"), now.Add(-windowOf(r, "24h")), deadRows)
	return api.NewDeadLetters(letters), err
}

// looks is who looked at what; for admins.
func (s *Service) looks(r *http.Request) (any, error) {
	q, now := r.URL.Query(), s.now()
	looks, err := s.stories.Looks(r.Context(), story.LookFilter{Actor: q.Get("actor"), User: q.Get("user"), Tenant: q.Get("tenant"), Limit: 500}, now.Add(-windowOf(r, "7d")))
	out := api.Audit{Entries: []api.AuditEntry{}, AsOf: api.When(now)}
	for _, l := range looks {
		out.Entries = append(out.Entries, api.AuditEntry{At: api.When(l.At), Actor: l.Actor, Role: l.Role, Action: l.Action, Tenant: l.Tenant, Subject: l.Subject, Detail: l.Detail, Address: l.Address})
	}
	return out, err
}

// deadSince is how far back dead letters can be sent again: as long as they are kept by default.
const deadSince = 31 * 24 * time.Hour
