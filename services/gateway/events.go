package gateway

import (
	"context"
	"errors"
	"net/http"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What became of an event.
const (
	statusAccepted    = "accepted"
	statusDuplicate   = "duplicate"
	statusInvalid     = "invalid"
	statusUnavailable = "unavailable"
)

// reasonTenant is the gateway's own reason, beside those of package wire.
const reasonTenant = "tenant_forbidden"

// result is the answer for one event, in the order they came.
type result struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
}

type answer struct {
	Results   []result `json:"results"`
	Accepted  int      `json:"accepted"`
	Duplicate int      `json:"duplicate"`
	Invalid   int      `json:"invalid"`
	// Unavailable events are not known to be stored: send them again.
	Unavailable int `json:"unavailable"`
}

// postEvents takes one event (CloudEvents structured or binary, flat JSON, protobuf) or a batch.
// It answers for each event:
//
//	202  all accepted or stored already
//	207  some are, some are not
//	400  none is valid (403 when only the tenant is forbidden)
//	503  none could be stored: send the same again
//
// and for the request as a whole 401, 403, 408, 413, 415 and 429.
func (s *Service) postEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case s.posts <- struct{}{}:
		defer func() { <-s.posts }()
	default:
		s.metrics.denied.WithLabelValues("busy").Inc()
		comeBack(w, 1)
		refuse(w, http.StatusServiceUnavailable, "busy", "Too many requests at once", "")
		return
	}
	key := keyOf(r)
	if !s.limits.take(key.ID, 1, s.deps.Now()) {
		s.tooFast(w)
		return
	}
	body, ok := s.readBody(w, r)
	if !ok {
		return
	}
	items, ok := s.decode(w, r, body)
	if !ok {
		return
	}
	if len(items) > 1 && !s.limits.take(key.ID, len(items)-1, s.deps.Now()) {
		s.tooFast(w)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout/3)
	defer cancel()
	s.reply(w, s.publish(ctx, key, items))
}

func (s *Service) tooFast(w http.ResponseWriter) {
	s.metrics.denied.WithLabelValues("rate").Inc()
	comeBack(w, 1)
	refuse(w, http.StatusTooManyRequests, "rate-limited", "Too many events", "The key's rate is used up.")
}

// publish checks what only the gateway can check, stores the rest, and says what became of each.
func (s *Service) publish(ctx context.Context, key *Key, items []wire.Result) answer {
	a := answer{Results: make([]result, len(items))}
	good := make([]*riskdv1.Event, 0, len(items))
	at := make([]int, 0, len(items))
	latest := s.deps.Now().Add(s.cfg.MaxFuture).UnixMilli()
	for i, it := range items {
		res := &a.Results[i]
		res.ID = it.ID
		err := it.Err
		switch {
		case err != nil:
		case !key.For(it.Event.TenantId):
			err = &wire.Invalid{Reason: reasonTenant, Detail: "the key may not speak for this tenant"}
		case it.Event.TimeMs > latest:
			err = &wire.Invalid{Reason: wire.ReasonFutureTime, Detail: "time: too far ahead of the gateway's clock"}
		default:
			err = sign(it.Event, key.ID)
		}
		if err != nil {
			res.Status, res.Reason, res.Detail = statusInvalid, wire.Reason(err), detailOf(err)
			s.metrics.refused.WithLabelValues(res.Reason).Inc()
			a.Invalid++
			continue
		}
		good, at = append(good, it.Event), append(at, i)
	}
	if len(good) > 0 {
		var last error
		for i, p := range s.deps.Publisher.Publish(ctx, good) {
			res := &a.Results[at[i]]
			switch {
			case p.Err != nil:
				last = p.Err
				res.Status = statusUnavailable
				a.Unavailable++
			case p.Duplicate:
				res.Status = statusDuplicate
				a.Duplicate++
			default:
				res.Status = statusAccepted
				a.Accepted++
			}
		}
		if last != nil && !errors.Is(last, context.Canceled) {
			s.deps.Log.Warn("events not stored", "events", a.Unavailable, "error", last)
			s.noteBroker(last)
		} else if last == nil {
			s.noteBroker(nil)
		}
	}
	for status, n := range map[string]int{
		statusAccepted: a.Accepted, statusDuplicate: a.Duplicate, statusInvalid: a.Invalid, statusUnavailable: a.Unavailable,
	} {
		s.metrics.events.WithLabelValues(status).Add(float64(n))
	}
	return a
}

func (s *Service) reply(w http.ResponseWriter, a answer) {
	stored := a.Accepted + a.Duplicate
	switch {
	case stored == len(a.Results):
		writeJSON(w, http.StatusAccepted, "application/json", a)
	case stored > 0 || a.Invalid > 0 && a.Unavailable > 0:
		if a.Unavailable > 0 {
			comeBack(w, 1)
		}
		writeJSON(w, http.StatusMultiStatus, "application/json", a)
	case a.Unavailable > 0:
		comeBack(w, 1)
		writeProblem(w, problem{
			Type: problemPrefix + "unavailable", Title: "Events could not be stored", Status: http.StatusServiceUnavailable,
			Detail: "Send the same events again.", answer: &a,
		})
	default:
		p := problem{
			Type: problemPrefix + "invalid-event", Title: "Invalid event", Status: http.StatusBadRequest,
			Reason: a.Results[0].Reason, Detail: a.Results[0].Detail, answer: &a,
		}
		if onlyTenant(a.Results) {
			p.Type, p.Title, p.Status = problemPrefix+"forbidden", "Not allowed", http.StatusForbidden
		}
		writeProblem(w, p)
	}
}

func onlyTenant(rs []result) bool {
	for _, r := range rs {
		if r.Reason != reasonTenant {
			return false
		}
	}
	return true
}
