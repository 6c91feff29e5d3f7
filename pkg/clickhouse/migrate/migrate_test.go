package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	schema "github.com/riskd-io/riskd/schemas/clickhouse"
)

func TestASecondRunChangesNothing(t *testing.T) {
	opt := enginetest.Options(t)
	first, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet())
	if err != nil {
		t.Fatal(err)
	}
	all, err := load(schema.Files)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Applied) != len(all) || first.Found != 0 || first.Version != all[len(all)-1].version {
		t.Errorf("first run: %+v, want all %d files applied", first, len(all))
	}
	conn := enginetest.Open(t, opt)
	before := tables(t, conn)
	second, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet())
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Applied) != 0 || len(second.Retention) != 0 || second.Found != second.Version {
		t.Errorf("second run: %+v, want nothing applied", second)
	}
	if after := tables(t, conn); !maps.Equal(before, after) {
		t.Errorf("tables after the second run: %v, want %v", after, before)
	}
}

func TestManyAtOnceAgree(t *testing.T) {
	opt := enginetest.Options(t)
	const n = 6
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, errs[i] = Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet())
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	alone := enginetest.Options(t)
	if _, err := Up(t.Context(), alone, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	got, want := tables(t, enginetest.Open(t, opt)), tables(t, enginetest.Open(t, alone))
	if !maps.Equal(got, want) {
		t.Errorf("tables made by %d at once: %v, want %v", n, got, want)
	}
	var rows, versions uint64
	err := enginetest.Open(t, opt).QueryRow(t.Context(), "SELECT count(), uniqExact(version) FROM schema_migrations FINAL").Scan(&rows, &versions)
	if err != nil || rows != versions {
		t.Errorf("%d records of %d files (%v), want one each", rows, versions, err)
	}
}

func TestACrashBetweenStatementsIsRepaired(t *testing.T) {
	opt := enginetest.Options(t)
	full, err := load(schema.Files)
	if err != nil {
		t.Fatal(err)
	}
	// As a crash in the middle of a file leaves it: its table is there, its view and its record are not.
	broken := fstest.MapFS{}
	for _, f := range full {
		broken[f.name] = &fstest.MapFile{Data: []byte(f.text)}
	}
	last := full[len(full)-1]
	broken[last.name] = &fstest.MapFile{Data: []byte(last.text + "\n;CREATE TABLE IF NOT EXISTS broken (a NoSuchType) ENGINE = Memory")}
	if _, err := up(t.Context(), opt, DefaultConfig(), enginetest.Quiet(), broken); err == nil || !strings.Contains(err.Error(), last.name) {
		t.Fatalf("a file that cannot be applied: %v, want an error that names it", err)
	}
	rep, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Applied) != 1 || rep.Applied[0] != last.name {
		t.Errorf("applied after the crash: %v, want %s alone", rep.Applied, last.name)
	}
}

func TestAnEditedFileIsRefused(t *testing.T) {
	opt := enginetest.Options(t)
	one := fstest.MapFS{"001_a.sql": {Data: []byte("CREATE TABLE IF NOT EXISTS {{.Local}}activity_5m (t DateTime) ENGINE = MergeTree ORDER BY t")}}
	for _, name := range []string{"events", "features", "signals", "enforcement", "ledger", "dead_letters", "sink_batches", "part_hour", "user_day", "decided_hour", "decided_5m", "console_audit",
		"sessions", "new_places", "blocked", "rule_hour", "event_hours", "user_hours", "decided_day", "feedback", "active_day", "asn_day", "notices"} {
		one["001_a.sql"].Data = append(one["001_a.sql"].Data, fmt.Sprintf(";\nCREATE TABLE IF NOT EXISTS %s (t DateTime, at DateTime, decided_at DateTime, cut_at DateTime, hour DateTime, day Date) ENGINE = MergeTree ORDER BY t", name)...)
	}
	if _, err := up(t.Context(), opt, DefaultConfig(), enginetest.Quiet(), one); err != nil {
		t.Fatal(err)
	}
	one["001_a.sql"].Data = append(one["001_a.sql"].Data, "\n-- a word"...)
	_, err := up(t.Context(), opt, DefaultConfig(), enginetest.Quiet(), one)
	var edited *EditedError
	if !errors.As(err, &edited) || edited.Name != "001_a.sql" || !strings.Contains(err.Error(), "never edited") {
		t.Errorf("an edited file: %v, want an EditedError that names it", err)
	}
}

func TestANewerSchemaIsAcceptedAndAnotherLayoutIsNot(t *testing.T) {
	opt := enginetest.Options(t)
	if _, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	insert := "INSERT INTO schema_migrations (version, name, checksum, layout, applied_at) VALUES (?, ?, ?, ?, now())"
	if err := conn.Exec(t.Context(), insert, uint32(999), "999_future.sql", "x", Single); err != nil {
		t.Fatal(err)
	}
	rep, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet())
	if err != nil || rep.Found != 999 {
		t.Errorf("a newer schema: %+v, %v; want it found and accepted", rep, err)
	}
	cfg := DefaultConfig()
	files, err := load(schema.Files)
	if err != nil {
		t.Fatal(err)
	}
	m := &migrator{conn: conn, cfg: Config{Cluster: "c"}, log: enginetest.Quiet()}
	done, err := m.recorded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var layout *LayoutError
	if err := m.check(files[0], done[1]); !errors.As(err, &layout) || layout.Recorded != cfg.Layout() {
		t.Errorf("another layout: %v, want a LayoutError", err)
	}
}

func TestRetentionFollowsTheConfiguration(t *testing.T) {
	opt := enginetest.Options(t)
	cfg := DefaultConfig()
	if _, err := Up(t.Context(), opt, cfg, enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	for _, days := range []int{7, 0, 30} {
		cfg.Retention["events"], cfg.Retention["user_day"] = days, days
		rep, err := Up(t.Context(), opt, cfg, enginetest.Quiet())
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Retention) != 2 {
			t.Errorf("%d days: changed %v, want events and user_day", days, rep.Retention)
		}
		for table, column := range map[string]string{"events": "decided_at", "user_day": "day"} {
			var def string
			if err := conn.QueryRow(t.Context(), "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = ?", table).Scan(&def); err != nil {
				t.Fatal(err)
			}
			ttl := fmt.Sprintf("TTL toDateTime(%s) + toIntervalDay(%d) ", column, days)
			if got := strings.Contains(def, ttl); got != (days > 0) {
				t.Errorf("%s kept %d days: %s", table, days, def)
			}
			if days == 0 && strings.Contains(def, "TTL") {
				t.Errorf("%s kept for ever: %s", table, def)
			}
		}
	}
}

// A tenant's rows leave before the others do, from the same parts; asked for no more, they stay as long as those.

func TestATenantMayBeKeptShorter(t *testing.T) {
	opt := enginetest.Options(t)
	cfg := DefaultConfig()
	cfg.Tenants = map[string]map[string]int{"signals": {"acme": 30, "it's": 7}, "new_places": {"acme": 1}}
	rep, err := Up(t.Context(), opt, cfg, enginetest.Quiet())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rep.Retention, []string{"new_places", "signals"}) {
		t.Errorf("changed %v, want new_places and signals", rep.Retention)
	}
	if rep, err = Up(t.Context(), opt, cfg, enginetest.Quiet()); err != nil || len(rep.Retention) != 0 {
		t.Errorf("a second run changes %v, %v", rep.Retention, err)
	}
	conn := enginetest.Open(t, opt)
	left := func() string {
		t.Helper()
		if err := conn.Exec(t.Context(), "OPTIMIZE TABLE signals FINAL"); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strs(t, conn, "SELECT concat(tenant, ' ', toString(dateDiff('day', decided_at, now()))) FROM signals ORDER BY tenant, decided_at DESC"), ", ")
	}
	insert := "INSERT INTO signals (tenant, challenge_id, revision, ts, decided_at) SELECT arrayJoin(['acme', 'globex', 'it\\'s']) AS tenant, toString(number), 1, now() - INTERVAL 10 * number DAY AS ts, ts FROM numbers(5)"
	if err := conn.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), "acme 0, acme 10, acme 20, globex 0, globex 10, globex 20, globex 30, globex 40, it's 0"; got != want {
		t.Errorf("left are %s\nwant     %s", got, want)
	}
	cfg.Tenants = nil
	if rep, err = Up(t.Context(), opt, cfg, enginetest.Quiet()); err != nil || len(rep.Retention) != 2 {
		t.Fatalf("asked for no more: %v, %v", rep.Retention, err)
	}
	if err := conn.Exec(t.Context(), strings.ReplaceAll(insert, "toString(number)", "concat('again-', toString(number))")); err != nil {
		t.Fatal(err)
	}
	if got := left(); strings.Count(got, "acme") < 5 {
		t.Errorf("asked for no more: left are %s", got)
	}
	cfg.Tenants = map[string]map[string]int{"ledger": {"acme": 1}, "signals": {"acme": 9999}}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "tenants.ledger") || !strings.Contains(err.Error(), "tenants.signals.acme") {
		t.Errorf("a table without tenants, a tenant kept longer: %v", err)
	}
}

// example finds the query in a file's head.

var example = regexp.MustCompile(`(?m)^-- Example: .*\n((?:--   .*\n)+)`)

// The engine is no cluster, but it knows the language: what a cluster would be told has to be valid.

func TestAnAbsentServerIsAnError(t *testing.T) {
	opt := enginetest.Options(t)
	opt.Addr = []string{"127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := Up(ctx, opt, DefaultConfig(), enginetest.Quiet()); err == nil {
		t.Error("no error without a server")
	}
}

// What a session has none of is known of sessions that began after the file that tells; older ones are asked about everything.
