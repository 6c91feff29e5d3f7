//go:build integration

package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// riskctl runs the command line tool against the house and returns what it printed.
func (h *house) riskctl(args ...string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, h.tool, args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("riskctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// withTool builds riskctl for the house.
func (h *house) withTool() *house {
	h.t.Helper()
	h.tool = filepath.Join(h.t.TempDir(), "riskctl")
	build := exec.Command("go", "build", "-o", h.tool, "../riskctl")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		h.t.Fatal(err)
	}
	return h
}

// dsn is the house's database as riskctl takes it.
func (h *house) dsn() string {
	u := url.URL{Scheme: "http", User: url.UserPassword("riskd", h.password()), Host: h.host("clickhouse"), Path: "/risk"}
	return u.String()
}

// What is made from the journal comes back, each row once; what no journal holds is left alone.
func TestRebuildFillsClickHouseAnewAndLeavesWhatTheJournalDoesNotHold(t *testing.T) {
	h := start(t, t.TempDir()).withTool()
	h.post(login("e1", "ann", "s1", "d1", 51.5, -0.1, "GB"))
	h.post(login("e2", "ann", "s2", "d2", 35.7, 139.7, "JP"))
	rows := func() string {
		return h.ask("SELECT (SELECT count() FROM risk.features), (SELECT count() FROM risk.signals), (SELECT sum(n) FROM risk.activity_5m), " +
			"(SELECT count() FROM risk.console_audit), (SELECT count() FROM risk.policy_changes), (SELECT count() FROM risk.sink_losses) FORMAT TSV")
	}
	h.ask("INSERT INTO risk.console_audit (at, id, actor, role, action) VALUES (now64(3), 'x', 'ann', 'analyst', 'saw_user')")
	h.ask("INSERT INTO risk.policy_changes (n, kind) VALUES (1, 'pushed')")
	h.ask("INSERT INTO risk.sink_losses (sink, partition, after, first, accepted_at, accepted_by) VALUES ('sink', 0, 0, 0, now64(3), 'ann')")
	const want = "2\t1\t2\t1\t1\t1"
	h.until(15*time.Second, "rows before", rows, want)
	if out := h.riskctl("accept-loss", "-nats-url", h.at["nats"], "-clickhouse-dsn", h.dsn()); !strings.Contains(out, "nothing is missing") {
		t.Errorf("accept-loss on a whole journal says %q", out)
	}
	out := h.riskctl("rebuild", "-yes", "-settle", "1s", "-nats-url", h.at["nats"], "-clickhouse-dsn", h.dsn())
	if !strings.Contains(out, "rebuilt: 2 decisions of 2 in the journal") {
		t.Errorf("rebuild says %q", out)
	}
	h.until(15*time.Second, "rows after", rows, want)
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}
}
