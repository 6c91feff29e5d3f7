package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTheNPMClient runs testdata/npm, which needs Node.js and, the first time, npm's registry.
func TestTheNPMClient(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs Node.js:", err)
	}
	directory := filepath.Join("testdata", "npm")
	if _, err := os.Stat(filepath.Join(directory, "node_modules", "@clickhouse", "client")); err != nil {
		install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		install.Dir = directory
		if output, err := install.CombinedOutput(); err != nil {
			if os.Getenv("CI") == "" {
				t.Skipf("needs the package @clickhouse/client, and npm could not fetch it: %v\n%s", err, output)
			}
			t.Fatalf("npm ci: %v\n%s", err, output)
		}
	}
	run := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "client.test.mjs")
	run.Dir = directory
	run.Env = append(os.Environ(), "RISKD_TEST_DSN="+shared.DSN())
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
