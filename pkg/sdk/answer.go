package sdk

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Problem types (RFC 9457) of the middleware's answers to API clients.
const (
	ProblemStepUp      = "urn:riskd:problem:step-up-required"
	ProblemDenied      = "urn:riskd:problem:access-denied"
	ProblemUnavailable = "urn:riskd:problem:unavailable"
	ProblemLogin       = "urn:riskd:problem:login-required"
)

// retryUnavailable is the Retry-After of 503: by then a lost connection is usually back.
const retryUnavailable = "2"

const defaultDetail = "Please confirm it is you."

// problem is the body for API clients. Neither score nor reasons are in it, ever.
type problem struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Status      int      `json:"status"`
	Detail      string   `json:"detail,omitempty"`
	Instance    string   `json:"instance,omitempty"`
	ChallengeID string   `json:"challenge_id,omitempty"`
	ACR         []string `json:"acr_values,omitempty"`
	AMR         []string `json:"amr_values,omitempty"`
	MaxAge      *int64   `json:"max_age,omitempty"`
	ExpiresAt   string   `json:"expires_at,omitempty"`
	StepUpURL   string   `json:"step_up_url,omitempty"`
	LoginURL    string   `json:"login_url,omitempty"`
}

// navigation tells a browser that goes to a page from a program that calls an API.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// writeChallenge answers as RFC 9470 asks, or sends a browser to the step-up page.
func (m *Middleware) writeChallenge(w http.ResponseWriter, r *http.Request, to, id string, what ruling) {
	w.Header().Set("Cache-Control", "no-store")
	if navigation(r) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	body := problem{
		Type: ProblemStepUp, Title: "Step-up authentication required", Status: http.StatusUnauthorized, Detail: what.verdict.UserReason(),
		Instance: "urn:riskd:challenge:" + id, ChallengeID: id, ACR: what.want.ACR, AMR: what.want.AMR, StepUpURL: to,
	}
	if body.Detail == "" {
		body.Detail = defaultDetail
	}
	if e := what.verdict.Expires(); !e.IsZero() {
		body.ExpiresAt = e.Format(time.RFC3339)
	}
	header := `Bearer error="insufficient_user_authentication", error_description="A stronger sign-in is needed"`
	if len(what.want.ACR) > 0 {
		header += fmt.Sprintf(`, acr_values="%s"`, strings.Join(quotable(what.want.ACR), " "))
	}
	if !what.local || what.want.MaxAge > 0 { // for a flag, 0 says: authenticate now
		age := int64(what.want.MaxAge / time.Second)
		body.MaxAge = &age
		header += fmt.Sprintf(`, max_age="%d"`, age)
	}
	w.Header().Set("WWW-Authenticate", header)
	writeProblem(w, body)
}

// quotable drops values that would break out of the header's quotes. No such class exists.
func quotable(values []string) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		if !strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' }) {
			out = append(out, v)
		}
	}
	return out
}

func (m *Middleware) writeDenied(w http.ResponseWriter, r *http.Request) {
	m.writeRefusal(w, r, m.cfg.DeniedPage, problem{
		Type: ProblemDenied, Title: "Access denied", Status: http.StatusForbidden, Detail: "This session may not go on. Please sign in again."})
}

func (m *Middleware) writeUnavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", retryUnavailable)
	m.writeRefusal(w, r, m.cfg.UnavailablePage, problem{
		Type: ProblemUnavailable, Title: "Temporarily unavailable", Status: http.StatusServiceUnavailable, Detail: "Please try again in a moment."})
}

func (m *Middleware) writeRefusal(w http.ResponseWriter, r *http.Request, page http.Handler, body problem) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case !navigation(r):
		writeProblem(w, body)
	case page == nil:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(body.Status)
		_, _ = fmt.Fprintf(w, "<!doctype html><title>%s</title><h1>%[1]s</h1><p>%s</p>\n", html.EscapeString(body.Title), html.EscapeString(body.Detail))
	default:
		page.ServeHTTP(&statusFirst{ResponseWriter: w, status: body.Status}, r)
	}
}

// askLogin sends nobody in particular to log in.
func (m *Middleware) askLogin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if navigation(r) && m.cfg.LoginURL != "" {
		w.Header().Set("Location", m.cfg.LoginURL+"?"+url.Values{"next": {returnPath(r, "")}}.Encode())
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	writeProblem(w, problem{Type: ProblemLogin, Title: "Login required", Status: http.StatusUnauthorized, LoginURL: m.cfg.LoginURL})
}

func writeProblem(w http.ResponseWriter, body problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(body.Status)
	_ = json.NewEncoder(w).Encode(body)
}

// statusFirst gives an application's page the status that the middleware decided on.
type statusFirst struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *statusFirst) WriteHeader(int) {
	if !w.wrote {
		w.wrote = true
		w.ResponseWriter.WriteHeader(w.status)
	}
}

func (w *statusFirst) Write(b []byte) (int, error) {
	w.WriteHeader(w.status)
	return w.ResponseWriter.Write(b)
}
