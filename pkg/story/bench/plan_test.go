//go:build unix

package bench

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	"github.com/riskd-io/riskd/pkg/story"
)

// few is what a question about one thing may read of the large tables, percent of their granules, beside a granule for
// each row the thing has: see busy.
const few = 5

// reads is what each question may read of the tables that grow with every event, percent of the granules. What is not
// named it must not read at all. Everything else is small: aggregates, or kept for challenges alone.
var reads = map[string]map[string]float64{
	"decision":            {"features": few},
	"decisions_of_events": {"features": few},
	"find":                {"features": 2 * few, "events": few}, // features twice: a session, an event
	"session_bounds":      {},
	"session_summary":     {"features": few},
	"session_decisions":   {"features": few},
	"session_enforcement": {},
	"session_signals":     {},
	"session_feedback":    {"events": few},
	"session_late":        {"events": few},
	"session_places":      {"events": few},
	"user_summary":        {"events": few},
	"user_places":         {"events": few},
	"user_devices":        {"events": few},
	"user_sessions":       {"features": few},
	"user_riskiest":       {"features": 2 * few}, // twice: narrow columns, then the rows
	"users_of_ip":         {"features": few},
	"users_of_device":     {"features": few},
	"users_of_asn":        {"features": few}, // what was decided on the first day of asn_day, which here is all within few
	"overview_decisions":  {"features": few}, // the hour in which the window begins
	"overview_minutes":    {"features": few},
	"decisions_live":      {"features": few},
	"rule_hits":           {"features": few},
	"calibration":         {"features": few}, // nothing is labelled here
	"history":             {"events": 100},   // an export
	"persisted":           {}, "challenges": {}, "console_audit": {}, "dead_letter_reasons": {}, "dead_letters": {}, "dead_letters_whole": {},
	"enforcement_gaps": {}, "evidence": {}, "funnel": {}, "most_asked": {}, "new_places": {}, "notices": {}, "notices_by_rule": {}, "overview_enforcement": {}, "overview_funnel": {},
	"overview_ledger": {}, "prompts_per_user": {}, "tenants": {}, "time_to_flag": {}, "timeline": {}, "top_users": {},
}

// large are the tables with a row for each event.
var large = []string{"features", "events", "event_hours"}

var (
	readFrom = regexp.MustCompile(`(Lazily)?ReadFromMergeTree \(\w+\.(\w+)\)`) // lazily: the columns of rows that are in the answer
	granules = regexp.MustCompile(`Parts: \d+ \| Granules: (\d+)$`)
)

// plan is how many granules a question would read, by table.
func plan(ctx context.Context, t *testing.T, b *bench, name string, s *sample) map[string]int {
	t.Helper()
	out := map[string]int{}
	span := 7 * 24 * time.Hour
	if name == "decisions_live" {
		span = 0 // ten minutes: a feed
	}
	err := b.asking(ctx, "EXPLAIN indexes = 1 ", name, s, span, counting(out))
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return out
}

// busy is how many rows the busiest thing of a sample has: its user, address, device or session. Which are drawn depends on the hour the test runs in, and an office's address is in many granules rightly.
func busy(t *testing.T, conn driver.Conn, s *sample) float64 {
	t.Helper()
	n, err := scalar(t.Context(), conn, "SELECT toFloat64(greatest(countIf(user_id = '"+s.user+"'), countIf(toString(ip) IN ('"+s.ip+"', '::ffff:"+s.ip+
		"')), countIf(device_id = '"+s.device+"'), countIf(session_id = '"+s.session+"'))) FROM features WHERE tenant = '"+s.tenant+"'")
	if err != nil || n < 1 {
		t.Fatalf("a sample has %v rows: %v", n, err)
	}
	return n
}

// counting reads lines of a plan, and adds what would be read to out.
func counting(out map[string]int) func(line string) {
	table := ""
	return func(line string) {
		if m := readFrom.FindStringSubmatch(line); m != nil {
			if table = m[2]; m[1] != "" {
				table = ""
			}
		}
		if m := granules.FindStringSubmatch(line); m != nil && table != "" {
			n, _ := strconv.Atoi(m[1])
			out[table] += n
		}
	}
}

// Questions about one thing read a few granules of several parts, whatever else is there; those about a time read aggregates.
func TestEachQuestionReadsLittle(t *testing.T) {
	opt := enginetest.Options(t)
	schema := migrate.DefaultConfig()
	schema.Granularity = 64
	if _, err := migrate.Up(t.Context(), opt, schema, enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	for _, table := range large {
		if err := conn.Exec(t.Context(), "SYSTEM STOP MERGES "+table); err != nil {
			t.Fatal(err)
		}
	}
	to, err := native.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	cfg := DefaultConfig()
	cfg.Rows, cfg.Days = 100_000, 20
	w, one := newWorld(cfg), newBatch()
	const loaded, each = 40_000, 5_000
	for n := cfg.Rows - loaded; n < cfg.Rows; n += each {
		w.fill(one, n, n+each)
		for _, table := range one.tables() {
			if err := table.insert(t.Context(), to, table.table, fmt.Sprintf("plan/%d/%s", n, table.table)); err != nil {
				t.Fatal(err)
			}
		}
	}
	reader, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{cfg: cfg, conn: conn, reader: reader}
	samples, err := b.samples(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, table := range large {
		parts, err := scalar(t.Context(), conn, "SELECT toFloat64(count()) FROM system.parts WHERE active AND database = currentDatabase() AND table = '"+table+"'")
		if err != nil || parts < 5 {
			t.Fatalf("%s has %v parts, want several: %v", table, parts, err)
		}
		if all[table], err = scalar(t.Context(), conn, "SELECT toFloat64(sum(marks)) FROM system.parts WHERE active AND database = currentDatabase() AND table = '"+table+"'"); err != nil {
			t.Fatal(err)
		}
	}
	rows := make([]float64, 4)
	for i := range rows {
		rows[i] = busy(t, conn, &samples[i])
	}
	for _, name := range story.Names() {
		may, ok := reads[name]
		if !ok {
			t.Errorf("%s: nobody says what it may read", name)
		}
		worst := map[string]float64{}
		for i := range samples[:4] {
			for table, n := range plan(t.Context(), t, b, name, &samples[i]) {
				if all[table] == 0 {
					continue
				}
				percent := 100 * float64(n) / all[table]
				if limit := may[table] * (1 + 100*rows[i]/all[table]/few); percent > limit {
					t.Errorf("%s reads %.1f %% of the granules of %s, may read %.1f %% for something of %.0f rows", name, percent, table, limit, rows[i])
				}
				worst[table] = max(worst[table], percent)
			}
		}
		if strings.HasPrefix(name, "session_") && len(may) > 0 && len(worst) == 0 {
			t.Errorf("%s: its plan names none of the large tables", name)
		}
		t.Logf("%-22s %v", name, worst)
	}
	// What is looked up to know where to read is not in a plan: it is done before.
	for table, where := range map[string]string{
		"event_hours": "tenant = 'acme' AND h = toUInt32(cityHash64('" + samples[0].event + "'))",
		"user_hours":  "tenant = 'acme' AND user_id = '" + samples[0].user + "'",
		"sessions":    "tenant = 'acme' AND session_id = '" + samples[0].session + "'",
	} {
		got := map[string]int{}
		parts, err := scalar(t.Context(), conn, "SELECT toFloat64(count()) FROM system.parts WHERE active AND database = currentDatabase() AND table = '"+table+"'")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.drain(t.Context(), "EXPLAIN indexes = 1 SELECT * FROM "+table+" WHERE "+where, counting(got)); err != nil {
			t.Fatal(err)
		}
		if n := got[table]; n < 1 || float64(n) > 2*parts {
			t.Errorf("a look into %s reads %d granules of %.0f parts, want one or two of each", table, n, parts)
		}
	}
}
