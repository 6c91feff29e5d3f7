// Package webtest runs the browser tests of the console's pages, web/test, from Go tests that have a console running.
package webtest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/services/console/web"
)

// patience is how long the tests of one run may take, on a busy machine.
const patience = 8 * time.Minute

// Run runs test files by name ("pages" is web/test/pages.test.mjs) with what they need to know about the world they are
// in. Pictures go to artifacts/console. It skips where there is no Chromium, and fails where the pages were not built.
func Run(t *testing.T, world map[string]any, files ...string) {
	t.Helper()
	if !web.Built() {
		t.Fatal("the console's pages are not built into this test: run make build")
	}
	browser := chromium(t)
	world["chromium"], world["shots"] = browser, filepath.Join(top(t), "artifacts", "console")
	told, err := json.Marshal(world)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--test", "--test-reporter=spec", "--test-concurrency=1"}
	for _, f := range files {
		args = append(args, filepath.Join("test", f+".test.mjs"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = filepath.Join(top(t), "services", "console", "web")
	cmd.Env = append(os.Environ(), "CONSOLE_TEST="+string(told))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it closes its browser
	cmd.WaitDelay = 10 * time.Second
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("%v took %v\n%s", files, time.Since(begin).Round(100*time.Millisecond), out)
	if err != nil {
		t.Errorf("the pages in a browser: %v", err)
	}
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("RISKD_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine: install it or set RISKD_CHROMIUM")
	return ""
}

// top is the repository.
func top(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
	}
	t.Fatal("go.work not found above the test")
	return ""
}
