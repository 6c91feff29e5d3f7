package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
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

func (s *Service) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		refuse(w, http.StatusUnsupportedMediaType, "unsupported-content", "Content encoding not supported", "Send the body as it is.")
		return nil, false
	}
	if r.ContentLength > s.cfg.MaxBody {
		s.tooLarge(w)
		return nil, false
	}
	buf := bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 512)+bytes.MinRead))
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return buf.Bytes(), true
	case errors.As(err, &large):
		s.tooLarge(w)
	case errors.Is(err, io.ErrUnexpectedEOF):
		refuse(w, http.StatusBadRequest, "invalid-event", "Body ends early", "")
	default:
		refuse(w, http.StatusRequestTimeout, "timeout", "Body did not arrive in time", "")
	}
	return nil, false
}

func (s *Service) tooLarge(w http.ResponseWriter) {
	s.metrics.denied.WithLabelValues("size").Inc()
	w.Header().Set("Connection", "close") // the rest of the body is not worth reading
	writeProblem(w, problem{
		Type: problemPrefix + "too-large", Title: "Body too large", Status: http.StatusRequestEntityTooLarge,
		Reason: wire.ReasonTooLarge,
	})
}

// decode tells what the body is by its content type.
func (s *Service) decode(w http.ResponseWriter, r *http.Request, body []byte) ([]wire.Result, bool) {
	env := wire.Envelope{
		ContentType: r.Header.Get("Content-Type"),
		ID:          r.Header.Get("Ce-Id"), Source: r.Header.Get("Ce-Source"),
		Type: r.Header.Get("Ce-Type"), Time: r.Header.Get("Ce-Time"),
	}
	media := wire.MediaType(env.ContentType)
	bare := env.ID == "" && env.Source == "" && env.Type == ""
	if media == wire.MediaBatch || media == wire.MediaJSON && bare && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		items, err := wire.DecodeBatch(body)
		if err != nil {
			s.refuseBody(w, err)
			return nil, false
		}
		return items, true
	}
	if v := r.Header.Get("Ce-Specversion"); v != "" && v != "1.0" {
		s.refuseBody(w, &wire.Invalid{Reason: wire.ReasonBadValue, Detail: "specversion: want 1.0"})
		return nil, false
	}
	ev := new(riskdv1.Event)
	err := wire.DecodeInto(env, body, ev) // body is this request's own
	if err != nil && wire.Reason(err) == wire.ReasonContentType {
		s.metrics.refused.WithLabelValues(wire.ReasonContentType).Inc()
		writeProblem(w, problem{
			Type: problemPrefix + "unsupported-content", Title: "Content type not supported", Status: http.StatusUnsupportedMediaType,
			Detail: detailOf(err), Reason: wire.ReasonContentType,
		})
		return nil, false
	}
	if err != nil {
		id := env.ID
		if ev.Id != "" && len(ev.Id) <= wire.MaxEventID {
			id = ev.Id
		}
		return []wire.Result{{Err: err, ID: id}}, true
	}
	return []wire.Result{{Event: ev, ID: ev.Id}}, true
}

// refuseBody answers a body that holds no events at all.
func (s *Service) refuseBody(w http.ResponseWriter, err error) {
	reason := wire.Reason(err)
	s.metrics.refused.WithLabelValues(reason).Inc()
	s.metrics.events.WithLabelValues(statusInvalid).Inc()
	writeProblem(w, problem{
		Type: problemPrefix + "invalid-event", Title: "Invalid event", Status: http.StatusBadRequest,
		Detail: detailOf(err), Reason: reason,
	})
}

func detailOf(err error) string {
	var inv *wire.Invalid
	if errors.As(err, &inv) {
		return inv.Detail
	}
	return ""
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
