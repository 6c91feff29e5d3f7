package service_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riskd-io/riskd/pkg/service"
)

func startAdmin(t *testing.T, cfg service.AdminConfig, checks ...service.Check) string {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := service.ReadBuild().Register(reg); err != nil {
		t.Fatal(err)
	}
	cfg.Listen = "127.0.0.1:0"
	a, err := service.OpenAdmin(cfg, "admin-listen", reg, func() []service.Check { return checks }, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("admin: %v", err)
		}
	})
	return "http://" + a.Addr()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAdminAnswers(t *testing.T) {
	url := startAdmin(t, service.AdminConfig{},
		service.Check{Part: "scorer"}, service.Check{Part: "sink", Err: errors.New("clickhouse is away")})
	for _, c := range []struct {
		name, path string
		status     int
		body       string // contained
	}{
		{"the process is alive although a part is not ready", "/livez", 200, "ok"},
		{"one part that is not ready makes the whole not ready", "/readyz", 503, "[-] sink: clickhouse is away"},
		{"verbose lists the ready ones too", "/readyz?verbose", 503, "[+] scorer"},
		{"a part may be left out", "/readyz?exclude=sink", 200, "ok"},
		{"one part can be asked alone", "/readyz/scorer", 200, "ok"},
		{"a part that is not here is not found", "/readyz/nobody", 404, `no part "nobody"`},
		{"metrics say what is running", "/metrics", 200, "riskd_build_info{"},
		{"profiles are off unless asked for", "/debug/pprof/", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := get(t, url+c.path)
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("GET %s = %d %q; want %d with %q", c.path, status, body, c.status, c.body)
			}
		})
	}
}

func TestAdminServesProfilesOnRequest(t *testing.T) {
	if status, _ := get(t, startAdmin(t, service.AdminConfig{Pprof: true})+"/debug/pprof/"); status != 200 {
		t.Errorf("profiles answered %d; want 200", status)
	}
}
