package story_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// bare are tables that the golden world has nothing for.
var bare = []string{"policy_changes", "console_audit", "feedback", "sink_batches", "sink_positions", "sink_losses"}

// Every table is described in the schema's README with an example that runs, on the golden world, and an answer.
func TestEveryTableIsDescribedWithAQueryThatAnswers(t *testing.T) {
	text, err := os.ReadFile("../../schemas/clickhouse/README.md")
	if err != nil {
		t.Fatal(err)
	}
	conn := storytest.Load(t)
	rows, err := conn.Query(t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase() AND name NOT LIKE '%_mv' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^-- (\w+): .*\n(.+)$`).FindAllStringSubmatch(string(text), -1) {
		examples[m[1]] = m[2]
	}
	kept := map[string]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*`) \\| .* \\| (\\d*|for good) ?\\|$").FindAllStringSubmatch(string(text), -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[1], -1) {
			kept[name[1]], _ = strconv.Atoi(m[2])
		}
	}
	for _, table := range tables {
		query, ok := examples[table]
		days, described := kept[table]
		if !ok || !described || !strings.Contains(query, "FROM "+table) {
			t.Errorf("%s: an example: %v, a line: %v", table, ok, described)
			continue
		}
		if want := migrate.DefaultConfig().Retention[table]; days != want {
			t.Errorf("%s is said to be kept %d days, and is kept %d", table, days, want)
		}
		delete(examples, table)
		rows, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v\n%s", table, err, query)
			continue
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Close(); err != nil || n == 0 && !slices.Contains(bare, table) {
			t.Errorf("%s: %d rows, %v\n%s", table, n, err, query)
		}
	}
	for name := range examples {
		t.Errorf("an example is for %s, which is no table", name)
	}
}
