package enginetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// view is a table that materialized views fill, with all that they ask.
type view struct {
	name, target, query string
	keys                []string
	sums, most, least   []string
}

// CheckViews compares every table that materialized views fill with what their queries give over all rows there are now:
// how many different keys, and the totals of every column that adds up, or keeps the greatest or least. A row
// that was inserted twice, or never reached a view, shows. It returns how many tables it compared.
func CheckViews(t testing.TB, conn driver.Conn) int {
	t.Helper()
	views, err := readViews(t, conn)
	if err != nil {
		t.Errorf("listing the views: %v", err)
		return 0
	}
	for _, v := range views {
		var totals []string
		add := func(format string, columns []string) {
			for _, c := range columns {
				totals = append(totals, fmt.Sprintf("'%s=', toString("+format+"), ' '", c, c))
			}
		}
		totals = append(totals, "'keys=', toString(uniqExact("+strings.Join(v.keys, ", ")+")), ' '")
		add("round(toFloat64(sum(%s)), 3)", v.sums)
		add("max(%s)", v.most)
		add("min(%s)", v.least)
		totalsOf := "SELECT concat(" + strings.Join(totals, ", ") + ") FROM "
		var got, want string
		if err := conn.QueryRow(t.Context(), totalsOf+v.target).Scan(&got); err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if err := conn.QueryRow(t.Context(), totalsOf+"("+v.query+")").Scan(&want); err != nil {
			t.Errorf("the query of %s: %v", v.name, err)
			continue
		}
		if got != want {
			t.Errorf("%s holds %s\nits query gives %s", v.target, got, want)
		}
	}
	return len(views)
}

func readViews(t testing.TB, conn driver.Conn) (views []view, err error) {
	// The target of a view is named in its statement only.
	rows, err := conn.Query(t.Context(), `SELECT arrayStringConcat(v.names, ' and '), t.name, arrayStringConcat(v.queries, ' UNION ALL '), splitByString(', ', t.sorting_key),
			arrayMap(c -> c.1, arrayFilter(c -> startsWith(c.2, 'SimpleAggregateFunction(sum,') OR (t.engine LIKE '%SummingMergeTree' AND NOT c.3 AND match(c.2, '^(U?Int|Float)')), t.columns)),
			arrayMap(c -> c.1, arrayFilter(c -> startsWith(c.2, 'SimpleAggregateFunction(max,'), t.columns)),
			arrayMap(c -> c.1, arrayFilter(c -> startsWith(c.2, 'SimpleAggregateFunction(min,'), t.columns))
		FROM (SELECT groupArray(name) AS names, groupArray(as_select) AS queries, extract(create_table_query, ' TO (?:[a-z0-9_]+\\.)?([a-z0-9_]+)') AS target
			FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView' GROUP BY target) AS v
		INNER JOIN (SELECT t.name AS name, any(t.sorting_key) AS sorting_key, any(t.engine) AS engine, groupArray((c.name, c.type, c.is_in_sorting_key = 1)) AS columns
			FROM system.tables AS t INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
			WHERE t.database = currentDatabase() GROUP BY name) AS t ON t.name = v.target
		ORDER BY t.name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v view
		if err := rows.Scan(&v.name, &v.target, &v.query, &v.keys, &v.sums, &v.most, &v.least); err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, rows.Err()
}
