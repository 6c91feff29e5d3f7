package migrate

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	schema "github.com/riskd-io/riskd/schemas/clickhouse"
)

func TestEveryTableAndColumnHasAComment(t *testing.T) {
	opt := enginetest.Options(t)
	if _, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	for _, q := range []string{
		"SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''",
		"SELECT table || '.' || name FROM system.columns WHERE database = currentDatabase() AND comment = '' AND table NOT LIKE '%_mv'",
	} {
		if names := strs(t, conn, q); len(names) > 0 {
			t.Errorf("without a comment: %v", names)
		}
	}
}

func TestEveryTableDropsARepeatedInsert(t *testing.T) {
	opt := enginetest.Options(t)
	if _, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	names := strs(t, enginetest.Open(t, opt), "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_migrations' AND engine_full NOT LIKE '%non_replicated_deduplication_window = 10000%'")
	if len(names) > 0 {
		t.Errorf("tables without a deduplication window: %v", names)
	}
}

func TestTheExampleOfEachFileRuns(t *testing.T) {
	opt := enginetest.Options(t)
	if _, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	names, err := fs.Glob(schema.Files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(schema.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		m := example.FindStringSubmatch(string(text))
		if m == nil {
			t.Errorf("%s has no example query in its head", name)
			continue
		}
		query := strings.ReplaceAll(strings.TrimPrefix(m[1], "--   "), "\n--   ", "\n")
		rows, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Errorf("the example of %s: %v\n%s", name, err, query)
			continue
		}
		rows.Close()
	}
}

func TestTheClusterFormsAreValid(t *testing.T) {
	opt := enginetest.Options(t)
	if _, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	files, err := load(schema.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []Config{{Cluster: "{cluster}"}, {Cluster: "{cluster}", Sharded: true}} {
		for _, f := range files {
			statements, err := f.render(cfg.data())
			if err != nil {
				t.Fatal(err)
			}
			created, distributed, columns := 0, 0, 0 // columns: those added below, less those added above
			for _, s := range statements {
				if !strings.Contains(s, "ON CLUSTER '{cluster}'") && !strings.HasPrefix(s, "INSERT INTO ") { // rows go by their sharding key
					t.Errorf("%s (%s): not on the cluster: %.80s", f.name, cfg.Layout(), s)
				}
				if strings.Contains(s, "MergeTree") && !strings.Contains(s, "ENGINE = Replicated") {
					t.Errorf("%s (%s): not replicated: %.80s", f.name, cfg.Layout(), s)
				}
				switch {
				case strings.Contains(s, "ENGINE = Distributed"):
					distributed++
				case strings.HasPrefix(s, "CREATE TABLE"):
					created++
				case strings.HasPrefix(s, "ALTER TABLE") && strings.Contains(strings.Fields(s)[2], "_local"):
					columns += strings.Count(s, "ADD COLUMN")
				case strings.HasPrefix(s, "ALTER TABLE"):
					columns -= strings.Count(s, "ADD COLUMN")
				}
				rows, err := conn.Query(t.Context(), "EXPLAIN AST "+s)
				if err != nil {
					t.Errorf("%s (%s): %v", f.name, cfg.Layout(), err)
					continue
				}
				rows.Close()
			}
			if cfg.Sharded && (distributed < created || columns != 0) {
				t.Errorf("%s: %d tables and %d over all shards; columns added to one sort more than to the other: %d", f.name, created, distributed, columns)
			}
		}
	}
}

func tables(t *testing.T, conn driver.Conn) map[string]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT name, replaceAll(engine_full || as_select, currentDatabase() || '.', 'db.') FROM system.tables WHERE database = currentDatabase()")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, def string
		if err := rows.Scan(&name, &def); err != nil {
			t.Fatal(err)
		}
		out[name] = def
	}
	return out
}

func strs(t *testing.T, conn driver.Conn, q string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func TestSessionsFromBeforeAreAskedAboutEverything(t *testing.T) {
	opt := enginetest.Options(t)
	files, err := load(schema.Files)
	if err != nil {
		t.Fatal(err)
	}
	before := fstest.MapFS{}
	for _, f := range files {
		if f.version != 27 {
			before[f.name] = &fstest.MapFile{Data: []byte(f.text)}
		}
	}
	if _, err := up(t.Context(), opt, DefaultConfig(), enginetest.Quiet(), before); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	exec := func(statement string) {
		t.Helper()
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	event := func(session, status string) {
		exec("INSERT INTO events (tenant, event_id, status, ts, decided_at, user_id, session_id) SELECT 'acme', generateUUIDv4(), '" + status + "', now64(3), now64(3), 'ann', '" + session + "'")
	}
	event("old", "scored")
	event("both", "late")
	exec("INSERT INTO signals (tenant, challenge_id, revision, ts, decided_at, user_id, session_id) SELECT 'acme', 'c0', 1, now64(3) + INTERVAL 1 HOUR, now64(3), 'ann', 'both'")
	if _, err := Up(t.Context(), opt, DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	event("both", "scored")
	event("new", "scored")
	event("late", "scored")
	event("late", "late")
	event("asked", "scored")
	exec("INSERT INTO signals (tenant, challenge_id, revision, ts, decided_at, user_id, session_id) SELECT 'acme', 'c1', 1, now64(3), now64(3), 'ann', 'asked'")
	exec("INSERT INTO enforcement (tenant, challenge_id, kind, ts, decided_at, user_id, session_id) SELECT 'acme', 'c1', 'receipt', now64(3), now64(3), 'ann', 'asked'")
	for _, merged := range []bool{false, true} {
		if merged {
			exec("OPTIMIZE TABLE sessions FINAL")
		}
		for session, want := range map[string]uint8{"old": 0, "both": 0, "new": 7, "late": 6, "asked": 1} {
			var lacks uint8
			if err := conn.QueryRow(t.Context(), "SELECT groupBitAnd(lacks) FROM sessions WHERE session_id = '"+session+"'").Scan(&lacks); err != nil || lacks != want {
				t.Errorf("session %s lacks %d (%v), want %d; merged: %v", session, lacks, err, want, merged)
			}
		}
		var minutes int64 // the challenge of before the file ended an hour after its session's last event
		if err := conn.QueryRow(t.Context(), "SELECT dateDiff('minute', max(ts), (SELECT max(last) FROM sessions WHERE session_id = 'both')) FROM events WHERE session_id = 'both'").Scan(&minutes); err != nil || minutes < 50 {
			t.Errorf("the bounds go %d minutes beyond the last event (%v), want about 60", minutes, err)
		}
	}
}
