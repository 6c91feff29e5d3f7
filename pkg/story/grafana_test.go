package story_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// dashboard is what of Grafana's JSON matters here.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Query, AllValue string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		Datasource  struct{ Type, UID string }
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ RawSQL, QueryType string }
	}
}

var macro = regexp.MustCompile(`\$__(\w+)(?:\(([^()]*)\))?`)

// expand does what the data source does before it asks: macros first as its backend expands them, variables as
// Grafana's frontend does. An unknown macro is a fault.
func expand(t *testing.T, sql, tenant string, from, to time.Time, interval int) string {
	t.Helper()
	sql = strings.ReplaceAll(sql, "${tenant:sqlstring}", tenant)
	sql = macro.ReplaceAllStringFunc(sql, func(m string) string {
		p := macro.FindStringSubmatch(m)
		switch column := p[2]; p[1] {
		case "timeFilter":
			return fmt.Sprintf("%s >= toDateTime(%d) AND %s <= toDateTime(%d)", column, from.Unix(), column, to.Unix())
		case "dateFilter":
			return fmt.Sprintf("%s >= toDate('%s') AND %s <= toDate('%s')", column, from.Format(time.DateOnly), column, to.Format(time.DateOnly))
		case "timeInterval":
			return fmt.Sprintf("toStartOfInterval(toDateTime(%s), INTERVAL %d second)", column, interval)
		case "fromTime":
			return fmt.Sprintf("toDateTime(%d)", from.Unix())
		case "toTime":
			return fmt.Sprintf("toDateTime(%d)", to.Unix())
		case "interval_s":
			return fmt.Sprint(interval)
		}
		t.Errorf("unknown macro %s", m)
		return m
	})
	if i := strings.IndexByte(sql, '$'); i >= 0 {
		t.Errorf("something is left to expand: %s", sql[i:])
	}
	return sql
}

// empty are panels that the golden world has nothing for: no app failed open, no rule was on trial, no sink wrote it.
var empty = map[string]bool{"Flags that did not hold": true, "Rules that are only tried": true, "Where the sink stands": true}

// analyst is a connection to the same database as the user who may only read, as Grafana has it.
func analyst(t *testing.T, conn driver.Conn) driver.Conn {
	t.Helper()
	var database string
	if err := conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&database); err != nil {
		t.Fatal(err)
	}
	opt, err := clickhouse.ParseDSN(enginetest.Engine(t).AnalystDSN())
	if err != nil {
		t.Fatal(err)
	}
	opt.Auth.Database = database
	return enginetest.Open(t, opt)
}

func TestGrafanaPanelsAnswerOnTheRealEngine(t *testing.T) {
	files, err := filepath.Glob("../../deploy/grafana/dashboards/*.json")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	conn := analyst(t, storytest.Load(t))
	from, to := day, storytest.Now
	uids := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if uids[d.UID] || d.UID == "" || len(d.Panels) < 5 {
			t.Errorf("%s: uid %q, %d panels", file, d.UID, len(d.Panels))
		}
		uids[d.UID] = true
		count := func(name, sql string) (int, []string) {
			rows, err := conn.Query(t.Context(), sql)
			if err != nil {
				t.Errorf("%s, %s: %v", d.Title, name, err)
				return 0, nil
			}
			defer rows.Close()
			n := 0
			for rows.Next() {
				n++
			}
			if err := rows.Err(); err != nil {
				t.Errorf("%s, %s: %v", d.Title, name, err)
			}
			return n, rows.Columns()
		}
		for _, v := range d.Templating.List {
			if n, _ := count("variable "+v.Name, v.Query); n == 0 {
				t.Errorf("%s: the variable %s has no values", d.Title, v.Name)
			}
			if v.AllValue != "''" {
				t.Errorf("%s: all of %s is %q, which is no SQL string", d.Title, v.Name, v.AllValue)
			}
		}
		used := map[[2]int]string{}
		for _, p := range d.Panels {
			if p.Datasource.UID != "riskd" || p.Datasource.Type != "grafana-clickhouse-datasource" || len(p.Targets) != 1 {
				t.Errorf("%s, %s: data source %+v, %d queries", d.Title, p.Title, p.Datasource, len(p.Targets))
				continue
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := used[[2]int{x, y}]; other != "" || x > 23 {
						t.Errorf("%s: %s lies on %q or beyond the edge", d.Title, p.Title, other)
					}
					used[[2]int{x, y}] = p.Title
				}
			}
			q := p.Targets[0]
			for _, tenant := range []string{"''", "'acme'", "'it''s none'"} {
				for _, interval := range []int{1, 900} {
					n, columns := count(p.Title, expand(t, q.RawSQL, tenant, from, to, interval))
					if tenant != "'it''s none'" && n == 0 && !empty[p.Title] {
						t.Errorf("%s, %s: no rows for tenant %s", d.Title, p.Title, tenant)
					}
					if q.QueryType == "timeseries" && len(columns) > 0 && columns[0] != "time" {
						t.Errorf("%s, %s: a series without time: %q", d.Title, p.Title, columns)
					}
				}
			}
		}
	}
}
