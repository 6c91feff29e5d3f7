//go:build integration

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const one = "application/cloudevents+json"

// post sends one event and returns its status and reason.
func (h *house) post(body string) (status, reason string) {
	h.t.Helper()
	_, answer := h.call("/v1/events", one, body)
	var got struct {
		Results []struct{ Status, Reason string }
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got.Results) != 1 {
		h.t.Fatalf("answer %q (%v); want one result", answer, err)
	}
	return got.Results[0].Status, got.Results[0].Reason
}

func (h *house) state(session string) string {
	h.t.Helper()
	_, answer := h.call("/v1/sessions/acme/"+session, "", "")
	var got struct{ State string }
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		h.t.Fatalf("session answer %q: %v", answer, err)
	}
	return got.State
}

func TestTheRoadOfAnEvent(t *testing.T) {
	h := start(t, t.TempDir())
	london := func(id, session string) string { return login(id, "ann", session, "d1", 51.5, -0.1, "GB") }
	tokyo := login("e2", "ann", "s2", "d2", 35.7, 139.7, "JP")

	for _, c := range []struct{ name, body, status, reason string }{
		{"a first login", london("e1", "s1"), "accepted", ""},
		{"the same event again", london("e1", "s1"), "duplicate", ""},
		{"a login from the other side of the world", tokyo, "accepted", ""},
		{"no JSON", "{", "invalid", "malformed"},
		{"an event without a user", strings.Replace(london("e3", "s1"), `"user":{"id":"ann"},`, "", 1), "invalid", "missing_field"},
		{"a type that nobody knows", strings.Replace(london("e4", "s1"), "activity.v1", "activity.v9", 1), "invalid", "unknown_type"},
	} {
		if status, reason := h.post(c.body); status != c.status || reason != c.reason {
			t.Errorf("%s: %s %q; want %s %q", c.name, status, reason, c.status, c.reason)
		}
	}

	h.until(5*time.Second, "the flag of the far session", func() string { return h.state("s2") }, "required")
	if got := h.state("s1"); got != "clear" {
		t.Errorf("the session at home is %q; want clear: the thief is asked, not the owner", got)
	}
	h.until(10*time.Second, "decisions in ClickHouse", func() string {
		return h.ask("SELECT event_id, action, session_state FROM risk.features FINAL ORDER BY event_id FORMAT TSV")
	}, "e1\tallow\tclear\ne2\tstep_up\trequired")
	h.until(5*time.Second, "the signal and its reason", func() string {
		return h.ask("SELECT count(), countIf(has(reasons, 'impossible_travel')) FROM risk.signals FORMAT TSV")
	}, "1\t1")
	req, _ := http.NewRequest(http.MethodGet, h.at["health"]+"/readyz?verbose", nil)
	if status, answer := h.do(req); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, answer)
	}
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM; want 0", code)
	}
	for what, secret := range map[string]string{"API key": h.key(), "ClickHouse password": h.password()} {
		if strings.Contains(h.said(), secret) {
			t.Errorf("the %s was logged", what)
		}
	}
}

// load publishes events of many users until enough is set, and returns how many; each stays with the
// publisher until it is stored.
func load(ctx context.Context, t *testing.T, url string, users int, enough *atomic.Bool) (stored int) {
	t.Helper()
	nc, err := natsjs.Connect(url, "test load")
	if err != nil {
		t.Error(err)
		return 0
	}
	defer nc.Close()
	pub, err := natsjs.NewPublisher(nc, 32, natsjs.DefaultPublisherConfig())
	if err != nil {
		t.Error(err)
		return 0
	}
	for !enough.Load() {
		evs := make([]*riskdv1.Event, 200)
		for i := range evs {
			evs[i] = plainEvent(stored+i, users)
		}
		for _, r := range pub.PublishBatch(ctx, evs) {
			if r.Err != nil {
				t.Errorf("an event was not stored: %v", r.Err)
				return stored
			}
			stored++
		}
	}
	return stored
}

var epoch = time.Now().Add(-time.Hour)

func plainEvent(i, users int) *riskdv1.Event {
	user := fmt.Sprintf("u%d", i%users)
	return &riskdv1.Event{
		Id: fmt.Sprintf("load-%06d", i), Source: "//test/load", Type: "dev.riskd.activity.v1", TimeMs: epoch.Add(time.Duration(i) * 10 * time.Millisecond).UnixMilli(),
		TenantId: "acme", User: &riskdv1.User{Id: user}, Session: &riskdv1.Session{Id: "s-" + user},
		Action: "resource.read", Outcome: "success",
	}
}

// Three kills in the middle of the load; the publisher repeats what was not acknowledged. Every
// event must end as exactly one decision, and a flag that was open must still be.
func TestKillNineLosesNothingAndDoublesNothing(t *testing.T) {
	const users, kills = 300, 3
	data := t.TempDir()
	nats := servicetest.FreeAddress(t)
	h := start(t, data, "-nats-listen", nats)
	h.post(login("e1", "ann", "s1", "d1", 51.5, -0.1, "GB"))
	h.post(login("e2", "ann", "s2", "d2", 35.7, 139.7, "JP"))
	h.until(5*time.Second, "the flag before the kills", func() string { return h.state("s2") }, "required")

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var enough atomic.Bool
	stored := make(chan int, 1)
	go func() { stored <- load(ctx, t, "nats://"+nats, users, &enough) }()
	for range kills {
		time.Sleep(400 * time.Millisecond)
		h.end(syscall.SIGKILL)
		h = start(t, data, "-nats-listen", nats)
	}
	enough.Store(true)
	events := <-stored
	t.Logf("%d kills while %d events came in", kills, events)

	want := fmt.Sprintf("%d\t%d", events, events)
	h.until(time.Minute, "rows and different events", func() string {
		return h.ask("SELECT count(), uniqExact(event_id) FROM risk.features WHERE startsWith(event_id, 'load-') FORMAT TSV")
	}, want)
	h.until(time.Second, "events and different events", func() string {
		return h.ask("SELECT count(), uniqExact(event_id) FROM risk.events WHERE startsWith(event_id, 'load-') FORMAT TSV")
	}, want)
	if got := h.state("s2"); got != "required" {
		t.Errorf("the flag after the kills is %q; want required", got)
	}
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}
}

// ClickHouse is away from the start: flags work, the sink says what it waits for. When the database
// comes, all that was decided arrives, once.
func TestFlagsWorkWithoutClickHouse(t *testing.T) {
	address := servicetest.FreeAddress(t)
	data := t.TempDir()
	away := start(t, data, "-clickhouse-dsn", "http://riskd:none-yet@"+address+"/risk")
	away.post(login("e1", "ann", "s1", "d1", 51.5, -0.1, "GB"))
	away.post(login("e2", "ann", "s2", "d2", 35.7, 139.7, "JP"))
	away.until(5*time.Second, "the flag without a database", func() string { return away.state("s2") }, "required")
	req, _ := http.NewRequest(http.MethodGet, away.at["health"]+"/readyz/sink", nil)
	if status, answer := away.do(req); status != http.StatusServiceUnavailable || !strings.Contains(answer, "sink") {
		t.Errorf("readiness of the sink: %d %q; want 503 and the reason", status, answer)
	}
	req, _ = http.NewRequest(http.MethodGet, away.at["health"]+"/readyz/scorer", nil)
	if status, _ := away.do(req); status != http.StatusOK {
		t.Errorf("readiness of the scorer: %d; want 200", status)
	}
	if strings.Contains(away.said(), "none-yet") {
		t.Error("the DSN's password was logged")
	}
	if code := away.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}

	back := start(t, data)
	back.until(15*time.Second, "decisions once the database is there", func() string {
		return back.ask("SELECT event_id, action FROM risk.features ORDER BY event_id FORMAT TSV")
	}, "e1\tallow\ne2\tstep_up")
	back.end(syscall.SIGTERM)
}

func TestATakenPortNamesThePortAndTheFlag(t *testing.T) {
	h := start(t, t.TempDir())
	for flag, name := range map[string]string{
		"nats-listen": "nats", "gateway-listen": "gateway", "console-listen": "console", "admin-listen": "health", "clickhouse-listen": "clickhouse",
	} {
		t.Run(flag, func(t *testing.T) {
			address := h.host(name)
			_, port, _ := strings.Cut(address, ":")
			said := refused(t, filepath.Join(t.TempDir(), "data"), "-"+flag, address)
			for _, want := range []string{"port " + port + " ", "-" + flag, service.EnvName(flag)} {
				if !strings.Contains(said, want) {
					t.Errorf("it said %q; want %q in it", said, want)
				}
			}
		})
	}
}

// refused runs riskd where it cannot start and returns what it said.
func refused(t *testing.T, data string, settings ...string) string {
	t.Helper()
	h := command(t, data, settings...)
	out, err := h.CombinedOutput()
	if h.ProcessState.ExitCode() != 1 {
		t.Fatalf("exit code %d (%v); want 1\n%s", h.ProcessState.ExitCode(), err, out)
	}
	return string(out)
}
