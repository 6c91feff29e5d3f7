package console

import (
	"net/http"
	"time"
)

// windows are the spans of riskd's clock that pages offer; web/app/query.ts has the same.
var windows = map[string]time.Duration{
	"15m": 15 * time.Minute, "1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour, "90d": 90 * 24 * time.Hour,
}

// windowOf is the span that a request names, or the page's own.
func windowOf(r *http.Request, otherwise string) time.Duration {
	if w, ok := windows[r.URL.Query().Get("window")]; ok {
		return w
	}
	return windows[otherwise]
}
