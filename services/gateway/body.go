package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

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
