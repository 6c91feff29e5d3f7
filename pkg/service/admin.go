package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// AdminConfig configures the admin endpoint.
type AdminConfig struct {
	// Listen is host:port. Default 127.0.0.1:8482: the endpoint has no login and must not be
	// reachable by strangers.
	Listen string
	// Pprof serves Go profiles under /debug/pprof/. Default false.
	Pprof bool
}

// DefaultAdminConfig listens on loopback without profiles.
func DefaultAdminConfig() AdminConfig { return AdminConfig{Listen: "127.0.0.1:8482"} }

// Admin serves, for all roles of a process at once:
//
//	/livez           the process answers
//	/readyz          200 when every part is ready, else 503; ?verbose lists the parts,
//	                 ?exclude=sink leaves one out (may be repeated)
//	/readyz/<part>   one part alone
//	/metrics         Prometheus
//	/debug/pprof/    Go profiles, when enabled
type Admin struct {
	listener net.Listener
	server   *http.Server
	checks   func() []Check
}

// OpenAdmin binds the endpoint; flag is the name of the flag that holds cfg.Listen.
func OpenAdmin(cfg AdminConfig, flag string, metrics prometheus.Gatherer, checks func() []Check, log *slog.Logger) (*Admin, error) {
	l, err := Listen(cfg.Listen, flag)
	if err != nil {
		return nil, err
	}
	a := &Admin{listener: l, checks: checks}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /readyz/{part}", a.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError), EnableOpenMetrics: true,
	}))
	if cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	a.server = &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	return a, nil
}

// Addr is where the endpoint listens.
func (a *Admin) Addr() string { return a.listener.Addr().String() }

// Run serves until ctx ends.
func (a *Admin) Run(ctx context.Context) error { return ServeHTTP(ctx, a.server, a.listener, 0) }

func (a *Admin) readyz(w http.ResponseWriter, r *http.Request) {
	var (
		body    strings.Builder
		only    = r.PathValue("part")
		exclude = r.URL.Query()["exclude"]
		ok      = true
		known   = only == ""
	)
	for _, check := range a.checks() {
		if only != "" && check.Part != only || slices.Contains(exclude, check.Part) {
			continue
		}
		known = true
		if check.Err != nil {
			ok = false
			fmt.Fprintf(&body, "[-] %s: %v\n", check.Part, check.Err)
		} else {
			fmt.Fprintf(&body, "[+] %s\n", check.Part)
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(&body, "no part %q in this process\n", only)
	case !ok:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if ok && known && !r.URL.Query().Has("verbose") {
		body.Reset()
		body.WriteString("ok\n")
	}
	_, _ = w.Write([]byte(body.String()))
}
