//go:build integration

// Needs the ClickHouse engine and the geo data in the data folder (RISKD_DATA), as make setup puts them there.
package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// Each runs a short demo with everything real, stopped half-way by a signal's context, and looks at what it claims.
func TestTheDemoProvesItself(t *testing.T) { proveDemo(t, "nats", 30*time.Second) }

func TestTheDemoProvesItselfOnApacheKafka(t *testing.T) {
	out, err := exec.Command("sh", filepath.Join("..", "..", "..", "scripts", "kafka", "setup.sh"), os.Getenv("RISKD_DATA")).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip(strings.TrimSpace(string(out)))
	}
	if err != nil {
		t.Fatalf("fetching kafka: %v\n%s", err, out)
	}
	proveDemo(t, "kafka", 25*time.Second)
}

func proveDemo(t *testing.T, broker string, limit time.Duration) {
	t.Helper()
	data := os.Getenv("RISKD_DATA")
	if _, err := os.Stat(filepath.Join(data, "engine", "libchdb.so")); data == "" || err != nil {
		t.Skip("no engine in RISKD_DATA; make setup fetches it")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "github.com/riskd-io/riskd/services/riskd", "github.com/riskd-io/riskd/services/demoapp")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	// A data folder of the test's own, with the same engine and geo data.
	own := t.TempDir()
	for _, name := range []string{"engine", "geo", "kafka"} {
		if err := os.Symlink(filepath.Join(data, name), filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := DefaultConfig()
	cfg.Data, cfg.Riskd, cfg.DemoApp = own, filepath.Join(bin, "riskd"), filepath.Join(bin, "demoapp")
	cfg.City, cfg.ASN = filepath.Join(data, "geo", "GeoLite2-City.mmdb"), filepath.Join(data, "geo", "asn.mmdb")
	cfg.Users, cfg.Rate, cfg.Kafka = 300, 1500, broker
	cfg.KafkaScript = filepath.Join("..", "..", "..", "scripts", "kafka", "kafka.sh")
	for name := range cfg.Listen {
		cfg.Listen[name] = servicetest.FreeAddress(t)
	}
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	var out bytes.Buffer
	err := Run(ctx, cfg, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := lines[len(lines)-1]
	t.Log(last)
	n := map[string]int{}
	for _, m := range regexp.MustCompile(`(\w+)=(\d+)`).FindAllStringSubmatch(last, -1) {
		n[m[1]], _ = strconv.Atoi(m[2])
	}
	for _, key := range []string{"events", "decisions", "late", "duplicate", "dead_letter", "stepups", "enforced", "satisfied"} {
		if n[key] == 0 {
			t.Errorf("%s is 0 in %q", key, last)
		}
	}
	if n["events"] != n["decisions"]+n["late"]+n["duplicate"]+n["dead_letter"] || n["clickhouse_features"] != n["decisions"] || !strings.HasSuffix(last, "ok=true") {
		t.Errorf("the numbers do not add up: %s", last)
	}
}
