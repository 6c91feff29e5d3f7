package console

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

// long are the windows of pages that look further back.
var long = []window{{"24h", "24 hours", 24 * time.Hour}, {"7d", "7 days", 7 * 24 * time.Hour}, {"30d", "30 days", 30 * 24 * time.Hour}, {"90d", "90 days", 90 * 24 * time.Hour}}

func longWindow(r *http.Request) window {
	for _, w := range long {
		if w.Key == r.URL.Query().Get("window") {
			return w
		}
	}
	return long[2]
}

type investigatePage struct {
	Kind, Value, Tenant string
	Tenants             []string
	Seen                []story.Seen
	// Wrong is what is wrong with the value, "" when nothing is.
	Wrong   string
	Window  window
	Windows []window
	Kinds   [][2]string
}

// seenRows bounds the list of users.
const seenRows = 200

// investigate is who shares an address, a device or a network.
func (s *Service) investigate(r *http.Request) (page, error) {
	ctx, q := r.Context(), r.URL.Query()
	d := investigatePage{Kind: q.Get("by"), Value: strings.TrimSpace(q.Get("value")), Tenant: q.Get("tenant"), Window: longWindow(r), Windows: long,
		Kinds: [][2]string{{"ip", "IP address"}, {"device", "Device token"}, {"asn", "Network (ASN)"}}}
	if d.Kind == "" {
		d.Kind = "ip"
	}
	var err error
	if d.Tenants, err = s.stories.Tenants(ctx); err != nil {
		return page{}, err
	}
	if d.Value != "" {
		value := d.Value
		if d.Kind == "asn" {
			value = strings.TrimPrefix(strings.ToUpper(value), "AS")
		}
		d.Seen, err = s.stories.SeenWith(ctx, d.Kind, value, d.Tenant, s.now().Add(-d.Window.Span), seenRows)
		if errors.Is(err, story.ErrParameter) {
			d.Wrong, err = strings.TrimPrefix(err.Error(), story.ErrParameter.Error()+": "), nil
		}
	}
	return page{Name: "investigate", Title: "Who shares it", Data: d}, err
}

type fatiguePage struct {
	story.Fatigue
	Tenant  string
	Tenants []string
	Window  window
	Windows []window
}

// fatigue is what step-ups do to users, and where they do not hold.
func (s *Service) fatigue(r *http.Request) (page, error) {
	ctx := r.Context()
	d := fatiguePage{Tenant: r.URL.Query().Get("tenant"), Window: longWindow(r), Windows: long}
	now := s.now()
	var err error
	if d.Tenants, err = s.stories.Tenants(ctx); err != nil {
		return page{}, err
	}
	d.Fatigue, err = s.stories.Fatigue(ctx, d.Tenant, now.Add(-d.Window.Span), now.Add(-max(d.Window.Span, 28*24*time.Hour)), now)
	return page{Name: "fatigue", Title: "Funnel and fatigue", Data: d, AsOf: now}, err
}
