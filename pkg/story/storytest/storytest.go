//go:build unix

// Package storytest is a small golden world in a real ClickHouse, for tests of what reads it.
//
// It is 20 November 2026 at Acme. Bob has a quiet morning. Ada works from London; at 12:24 her cookie
// is used from Tokyo, is challenged, fails three times and is denied; at 12:30 she herself exports the
// payroll after a second factor. Carol is asked at night and never answers. One user's name wants to
// be markup, another's is too long. Rules that only notify spoke of four users, once twice over. One event of Dave's is late, three messages are dead, two are
// duplicates.
package storytest

import (
	"embed"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
)

//go:embed golden/*.jsonl
var golden embed.FS

// Now is a good moment to look at the golden world: its day, a quarter past two.
var Now = time.Date(2026, 11, 20, 14, 15, 30, 0, time.UTC)

// Names that a page must cut, and must not take for markup.
const (
	LongUser      = "a-user-name-that-is-far-longer-than-anybody-would-like-to-read-at-two-in-the-morning-and-then-some@subsidiary.example.com"
	MarkupUser    = "<img src=x onerror=alert(1)>"
	MarkupSession = `"><script>alert(2)</script>`
)

// Empty is a database of riskd's schema with nothing in it.
func Empty(t testing.TB) driver.Conn {
	t.Helper()
	return enginetest.Open(t, Options(t))
}

// Options lead to a database of riskd's schema with nothing in it.
func Options(t testing.TB) *clickhouse.Options {
	t.Helper()
	opt := enginetest.Options(t)
	cfg := migrate.DefaultConfig()
	for table := range cfg.Retention {
		cfg.Retention[table] = 0 // the golden day is in the past for good
	}
	if _, err := migrate.Up(t.Context(), opt, cfg, enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	return opt
}

// Load is a database that holds the golden world.
func Load(t testing.TB) driver.Conn {
	t.Helper()
	conn := Empty(t)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"input_format_import_nested_json": 0}))
	for _, table := range []string{"events", "features", "signals", "enforcement", "dead_letters", "ledger", "notices"} {
		rows, err := golden.ReadFile("golden/" + table + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(ctx, "INSERT INTO "+table+" FORMAT JSONEachRow\n"+strings.TrimSpace(string(rows))); err != nil {
			t.Fatalf("loading the golden %s: %v", table, err)
		}
	}
	return conn
}
