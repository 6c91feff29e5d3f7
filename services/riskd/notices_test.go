//go:build integration

package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
)

const noticePolicy = `id: told
rules:
  - name: role_grant
    when: event.action == "role.grant"
    then: notify
    reason: {user: "Your role was changed.", analyst: "A role was granted."}
  - name: tried
    when: event.action == "role.grant"
    then: notify
    mode: shadow
    reason: {user: "Not told.", analyst: "Not told."}
`

// A rule that notifies reaches the app, the gateway's clients and ClickHouse, once, and also after a kill.
func TestNoticesReachAppsAndClickHouse(t *testing.T) {
	data := t.TempDir()
	policy := filepath.Join(data, "told.yaml")
	if err := os.WriteFile(policy, []byte(noticePolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, data, "-policy="+policy)
	client, err := sdk.Connect("nats://"+h.host("nats"), "//acme/apps/web", sdk.WithTenant("acme"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	defer func() { _ = client.Close(ctx) }()
	heard := make(chan *sdk.Notice, 16)
	go func() { _ = client.Notices(ctx, time.Now().Add(-time.Hour), func(n *sdk.Notice) { heard <- n }) }()

	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, h.at["gateway"]+"/v1/notices?last_event_id=0", nil)
	req.Header.Set("Authorization", "Bearer "+h.key())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()

	grant := strings.Replace(login("e1", "ann", "s1", "d1", 51.5, -0.1, "GB"), "auth.login", "role.grant", 1)
	if status, reason := h.post(grant); status != "accepted" {
		t.Fatalf("event %s %s", status, reason)
	}
	n := <-heard
	if n.Rule != "role_grant" || n.User.ID != "ann" || n.EventID != "e1" || n.ReasonUser != "Your role was changed." || n.ReasonAnalyst != "A role was granted." || n.Decision != "step_up" {
		t.Errorf("heard %+v", n)
	}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "data: ") {
			if !strings.Contains(line, `"rule":"role_grant"`) {
				t.Errorf("the gateway says %s", line)
			}
			break
		}
	}
	h.until(20*time.Second, "the notice in ClickHouse", func() string {
		return h.ask("SELECT rule, user_id, event_id, reason_analyst FROM risk.notices FINAL FORMAT TSV")
	}, "role_grant\tann\te1\tA role was granted.")

	if code := h.end(syscall.SIGKILL); code == 0 {
		t.Fatal("killed, and it ended well")
	}
	h = start(t, data, "-policy="+policy)
	if status, reason := h.post(strings.Replace(grant, `"e1"`, `"e2"`, 1)); status != "accepted" {
		t.Fatalf("event %s %s", status, reason)
	}
	h.until(20*time.Second, "both notices in ClickHouse, once", func() string {
		return h.ask("SELECT event_id, count() FROM risk.notices GROUP BY event_id ORDER BY event_id FORMAT TSV")
	}, "e1\t1\ne2\t1")
	h.until(20*time.Second, "both decisions, which name the rules", func() string {
		return h.ask("SELECT count() FROM risk.features FINAL WHERE has(hits, 'role_grant') AND has(shadow_hits, 'tried') FORMAT TSV")
	}, "2")
}
