package gateway

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

type keyInContext struct{}

// keyOf is the API key of an authenticated request.
func keyOf(r *http.Request) *Key {
	k, _ := r.Context().Value(keyInContext{}).(*Key)
	return k
}

// route wraps a handler: deadlines, authentication for scope ("" is open to all), counting.
func (s *Service) route(name, scope string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		// Deadlines of the connection outlive a request, so each one sets both.
		rc := http.NewResponseController(w)
		_ = rc.SetReadDeadline(start.Add(s.cfg.RequestTimeout / 3))
		_ = rc.SetWriteDeadline(start.Add(s.cfg.RequestTimeout))

		defer func() {
			s.metrics.requests.WithLabelValues(name, class(rec.status)).Inc()
			s.metrics.duration.WithLabelValues(name).Observe(time.Since(start).Seconds())
		}()
		if scope != "" {
			key := s.deps.Keys.Find(bearer(r))
			if key == nil {
				s.metrics.denied.WithLabelValues("unauthenticated").Inc()
				rec.Header().Set("WWW-Authenticate", `Bearer realm="riskd"`)
				refuse(rec, http.StatusUnauthorized, "unauthenticated", "API key needed", "Send a known key as Authorization: Bearer <key>.")
				return
			}
			if !key.May(scope) {
				s.metrics.denied.WithLabelValues("scope").Inc()
				refuse(rec, http.StatusForbidden, "forbidden", "Not allowed", "The key has no scope "+scope+".")
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), keyInContext{}, key))
		}
		h(rec, r)
	})
}

func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// recorder remembers the status for the metrics.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func class(status int) string {
	switch {
	case status < 300:
		return "2xx"
	case status < 400:
		return "3xx"
	case status < 500:
		return "4xx"
	}
	return "5xx"
}

// limits holds one limiter for each key id. Ids come from the key file, so there are few.
type limits struct {
	perSecond rate.Limit
	burst     int

	mu   sync.Mutex
	byID map[string]*rate.Limiter
}

func newLimits(perSecond float64, burst int) *limits {
	return &limits{perSecond: rate.Limit(perSecond), burst: burst, byID: map[string]*rate.Limiter{}}
}

// take spends n events of a key's allowance; false when it has none left.
func (l *limits) take(id string, n int, now time.Time) bool {
	l.mu.Lock()
	lim := l.byID[id]
	if lim == nil {
		if len(l.byID) >= MaxKeys { // ids of keys long gone
			clear(l.byID)
		}
		lim = rate.NewLimiter(l.perSecond, l.burst)
		l.byID[id] = lim
	}
	l.mu.Unlock()
	return lim.AllowN(now, min(n, l.burst))
}
