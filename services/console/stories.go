package console

import (
	"net/http"
	"strings"

	"github.com/riskd-io/riskd/services/console/api"
)

const (
	// sessionEntries bounds a session's timeline.
	sessionEntries = 300
	// userDays is how far back a user's story goes.
	userDays = 90
	// seenRows bounds the list of who shares something.
	seenRows = 200
)

func (s *Service) session(r *http.Request) (any, error) {
	ctx, q, now := r.Context(), r.URL.Query(), s.now()
	tenant, id := q.Get("tenant"), q.Get("id")
	st, err := s.stories.Session(ctx, tenant, id, sessionEntries)
	if err != nil {
		return nil, err
	}
	here, err := s.stories.SessionPlaces(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	said, err := s.stories.SessionFeedback(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	usual, err := s.stories.UserPlaces(ctx, tenant, st.Summary.User, st.Summary.Last.AddDate(0, 0, -userDays))
	return owned{api.NewSession(&st, said, here, usual, now), st.Summary.User}, err
}

func (s *Service) user(r *http.Request) (any, error) {
	q, now := r.URL.Query(), s.now()
	st, err := s.stories.User(r.Context(), q.Get("tenant"), q.Get("id"), now.AddDate(0, 0, -userDays))
	if err != nil {
		return nil, err
	}
	return api.NewUser(&st, now), nil
}

func (s *Service) decision(r *http.Request) (any, error) {
	q := r.URL.Query()
	ds, err := s.stories.Decision(r.Context(), q.Get("tenant"), q.Get("event"))
	if err != nil {
		return nil, err
	}
	return owned{api.Decisions(ds), ds[0].User}, nil
}

// investigate is who shares an address, a device or a network.
func (s *Service) investigate(r *http.Request) (any, error) {
	ctx, q, now := r.Context(), r.URL.Query(), s.now()
	by, value := q.Get("by"), strings.TrimSpace(q.Get("value"))
	out := api.Investigation{By: by, Value: value, Seen: []api.Seen{}, AsOf: api.When(now)}
	var err error
	if value != "" {
		asked := value
		if by == "asn" {
			asked = strings.TrimPrefix(strings.ToUpper(value), "AS")
		}
		seen, err := s.stories.SeenWith(ctx, by, asked, q.Get("tenant"), now.Add(-windowOf(r, "30d")), seenRows)
		if err != nil {
			return nil, err
		}
		out.Seen = api.NewSeen(seen)
	}
	out.Tenants, err = s.tenants(ctx)
	return out, err
}

func (s *Service) find(r *http.Request) (any, error) {
	found, err := s.stories.Find(r.Context(), strings.TrimSpace(r.URL.Query().Get("q")))
	return api.NewFound(found), err
}
