package migrate

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestStatementsAreSplitAtSemicolonsThatMeanIt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"two", "A;\nB;\n", []string{"A", "B"}},
		{"the last without a semicolon", "A; B", []string{"A", "B"}},
		{"in a text", "A 'x;y' B; C", []string{"A 'x;y' B", "C"}},
		{"after an escaped quote", `A 'it\'s; fine' B; C`, []string{`A 'it\'s; fine' B`, "C"}},
		{"after a doubled quote", "A 'it''s; fine'; C", []string{"A 'it''s; fine'", "C"}},
		{"in a name", "A `x;y`; B \"p;q\"", []string{"A `x;y`", `B "p;q"`}},
		{"in a comment before", "-- hello; there's\nA; B", []string{"A", "B"}},
		{"in a comment inside", "A -- x; y's\nB; C", []string{"A -- x; y's\nB", "C"}},
		{"in a block comment", "A /* x; y */ B; C", []string{"A /* x; y */ B", "C"}},
		{"empty ones", ";; A ;;", []string{"A"}},
		{"nothing", "-- only words", nil},
	} {
		got, err := split(c.text)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, text := range []string{"A 'open", "A /* open", "A `open"} {
		if _, err := split(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("A 'x;y'; -- z\nB /* ; */ C; `d;`")
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := split(text)
		if err != nil {
			return
		}
		for _, s := range statements {
			if strings.TrimSpace(s) == "" || !strings.Contains(text, s) {
				t.Errorf("statement %q is not a piece of %q", s, text)
			}
		}
	})
}

func TestFilesThatBreakTheRulesAreRefused(t *testing.T) {
	const good = "CREATE TABLE IF NOT EXISTS a (a Int8) ENGINE = {{.Engine \"MergeTree\"}} ORDER BY a"
	for _, c := range []struct {
		name  string
		files map[string]string
	}{
		{"a double", map[string]string{"001_a.sql": good, "001_b.sql": good}},
		{"no number", map[string]string{"a.sql": good}},
		{"not harmless twice", map[string]string{"001_a.sql": "CREATE TABLE a (a Int8) ENGINE = Memory"}},
		{"a drop", map[string]string{"001_a.sql": "DROP TABLE IF EXISTS a"}},
		{"rows", map[string]string{"001_a.sql": "INSERT INTO a VALUES (1)"}},
		{"an unknown variable", map[string]string{"001_a.sql": good + " {{.Nonsense}}"}},
		{"a table without a default retention", map[string]string{"001_a.sql": good + ` {{.TTL "a" "t"}}`}},
		{"nothing", nil},
	} {
		source := fstest.MapFS{}
		for name, text := range c.files {
			source[name] = &fstest.MapFile{Data: []byte(text)}
		}
		files, err := load(source)
		for _, f := range files {
			if err == nil {
				_, err = f.render(DefaultConfig().data())
			}
		}
		if err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

func TestFaultsOfTheConfigurationAreNamed(t *testing.T) {
	c := Config{Sharded: true, Retention: map[string]int{"nonsense": 1, "events": -1}}
	err := c.Validate()
	for _, key := range []string{"clickhouse.sharded", "clickhouse.retention.nonsense", "clickhouse.retention.events"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
