package gateway

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/schemas"
)

// sessionAnswer is a session's state. Signal is what flags it: for the app's servers, never for
// the browser.
type sessionAnswer struct {
	TenantID  string `json:"tenant_id"`
	SessionID string `json:"session_id"`
	// State is clear, or the state of the signal that flags the session.
	State  string          `json:"state"`
	Signal json.RawMessage `json:"signal,omitempty"`
}

func (s *Service) getSession(w http.ResponseWriter, r *http.Request) {
	tenant, session := r.PathValue("tenant"), r.PathValue("session")
	if len(tenant) > wire.MaxID || len(session) > wire.MaxID {
		refuse(w, http.StatusBadRequest, "bad-request", "Name too long", "Tenant and session ids have at most 128 bytes.")
		return
	}
	if !keyOf(r).For(tenant) {
		s.metrics.denied.WithLabelValues("tenant").Inc()
		refuse(w, http.StatusForbidden, "forbidden", "Not allowed", "The key may not read this tenant.")
		return
	}
	sig, err := s.deps.Sessions.State(r.Context(), tenant, session)
	if err != nil {
		s.deps.Log.Warn("session state not read", "error", err)
		comeBack(w, 1)
		refuse(w, http.StatusServiceUnavailable, "unavailable", "State could not be read", "")
		return
	}
	a := sessionAnswer{TenantID: tenant, SessionID: session, State: "clear"}
	if sig != nil {
		a.State = sig.State
		a.Signal = wire.AppendSignalJSON(nil, sig)
	}
	writeJSON(w, http.StatusOK, "application/json", a)
}

func (s *Service) getHealth(w http.ResponseWriter, _ *http.Request) {
	if err := s.Ready(); err != nil {
		refuse(w, http.StatusServiceUnavailable, "unavailable", "Not ready", "")
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"status": "ok", "time": time.Now().UTC().Format(time.RFC3339)})
}

func (s *Service) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	doc, err := schemas.JSON.ReadFile("json/gateway.openapi.json")
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", "Internal error", "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(doc)
}

func (s *Service) notFound(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/events":
		w.Header().Set("Allow", http.MethodPost)
	case "/v1/signals", "/healthz", "/openapi.json":
		w.Header().Set("Allow", http.MethodGet)
	default:
		refuse(w, http.StatusNotFound, "not-found", "No such resource", "See /openapi.json.")
		return
	}
	refuse(w, http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", "")
}
