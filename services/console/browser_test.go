//go:build integration && unix

package console

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	"github.com/riskd-io/riskd/services/console/web"
)

// TestThePagesInABrowser walks every page with Playwright, on the golden world and on an empty one, and lets axe-core look
// at each by day and by night. The pictures are in artifacts/console.
func TestThePagesInABrowser(t *testing.T) {
	if !web.Built() {
		t.Fatal("the pages are not built: run make build")
	}
	golden, empty := serve(t, storytest.Load(t)), serve(t, storytest.Empty(t))
	names, passwords := map[string]string{}, map[string]string{}
	for _, role := range signin.Roles {
		names[string(role)], passwords[string(role)] = string(role)+"@acme", password
	}
	playwright(t, map[string]any{
		"golden": golden, "empty": empty, "names": names, "passwords": passwords,
		"longUser": storytest.LongUser, "markupUser": storytest.MarkupUser, "markupSession": storytest.MarkupSession,
	}, strings.Fields(cmp.Or(os.Getenv("CONSOLE_FILES"), "pages work"))...)
}

// serve runs a console on a port of its own until the test ends, and returns its address.
func serve(t *testing.T, conn driver.Conn) string {
	t.Helper()
	d := open(t, conn)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }() // the audit's writer runs apart
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + d.Addr()
}

// playwright runs test files of web/test. It skips where there is no Chromium, as on a machine without one.
func playwright(t *testing.T, world map[string]any, files ...string) {
	t.Helper()
	browser := os.Getenv("RISKD_CHROMIUM")
	if browser == "" {
		var err error
		if browser, err = exec.LookPath("chromium"); err != nil {
			t.Skip("no Chromium on this machine: install it or set RISKD_CHROMIUM")
		}
	}
	shots, err := filepath.Abs("../../artifacts/console")
	if err != nil {
		t.Fatal(err)
	}
	world["chromium"], world["shots"] = browser, shots
	told, err := json.Marshal(world)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--test", "--test-reporter=spec", "--test-concurrency=1"}
	for _, f := range files {
		args = append(args, filepath.Join("test", f+".test.mjs"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = "web"
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it closes its browser
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "CONSOLE_TEST="+string(told))
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("playwright: %v\n%s", err, out)
	}
	t.Logf("playwright took %v", time.Since(begin).Round(100*time.Millisecond))
	http.DefaultClient.CloseIdleConnections()
}
