package console

import (
	"net/http"

	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/services/console/api"
)

const (
	// noticeRows is how long the list of notices is, noticeRules how many rules are counted beside it.
	noticeRows  = 200
	noticeRules = 50
)

// notices is what rules that only notify have said.
func (s *Service) notices(r *http.Request) (any, error) {
	ctx, q, now := r.Context(), r.URL.Query(), s.now()
	f := story.NoticeFilter{Tenant: q.Get("tenant"), User: q.Get("user"), Rule: q.Get("rule"), Since: now.Add(-windowOf(r, "7d")), Limit: noticeRows}
	ns, err := s.stories.Notices(ctx, f)
	if err != nil {
		return nil, err
	}
	f.Limit = noticeRules
	rules, err := s.stories.NoticesByRule(ctx, f)
	if err != nil {
		return nil, err
	}
	out := api.NewNotices(ns, rules)
	out.AsOf = api.When(now)
	out.Tenants, err = s.tenants(ctx)
	return out, err
}
