//go:build unix

package bench

import (
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// A small run goes the whole way: every question is asked, and the generated rows are of a kind.
func TestARunLoadsAsksAndReports(t *testing.T) {
	opt := storytest.Options(t)
	conn := enginetest.Open(t, opt)
	cfg := DefaultConfig()
	cfg.Rows, cfg.Rounds, cfg.Chunk = 100_000, 3, 20_000
	cfg.OverviewMS, cfg.StoryMS = 60_000, 60_000 // whether it is quick is not this test's matter
	var out strings.Builder
	res, err := Run(t.Context(), cfg, opt, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !res.OK || res.BytesPerRow <= 0 || res.InsertRows <= 0 || res.StoryP95 <= 0 || res.OverviewP95 <= 0 {
		t.Errorf("%s\n%s", res.Line(), out.String())
	}
	for name, query := range map[string]string{
		"as many events as decisions":   "SELECT toFloat64((SELECT count() FROM events) = 100000 AND (SELECT uniqExact(event_id) FROM events) = 100000)",
		"every challenge has two rows":  "SELECT toFloat64(count() > 0 AND min(n) = 2 AND max(n) = 2) FROM (SELECT count() AS n FROM signals GROUP BY challenge_id)",
		"risks are those of their sums": "SELECT toFloat64(countIf(abs(risk - round(100 / (1 + exp(-arraySum(parts.nats))), 2)) > 0.001) = 0) FROM features",
		"the busiest user has over 1 %": "SELECT toFloat64(max(n) > 1000) FROM (SELECT count() AS n FROM features GROUP BY user_id)",
	} {
		if ok, err := scalar(t.Context(), conn, query); err != nil || ok != 1 {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	again, err := Run(t.Context(), cfg, opt, &out)
	if err != nil || again.Rows != res.Rows || again.BytesPerRow > 1.1*res.BytesPerRow {
		t.Errorf("a second run on the same database: %+v, %v; want that it only asks", again, err)
	}
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE bench_chunks"); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), cfg, opt, &out); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("a database with something else in it: %v, want a refusal", err)
	}
}

func TestConfigNamesItsFaults(t *testing.T) {
	err := Config{Rows: 1, Days: 1000}.Validate()
	for _, want := range []string{"bench.rows", "bench.days", "bench.chunk", "bench.writers", "bench.rounds"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}
