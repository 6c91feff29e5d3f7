package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
)

// code is the ClickHouse code in an error of clickhouse-go.
func code(t testing.TB, err error) int32 {
	t.Helper()
	typed, ok := errors.AsType[*clickhouse.Exception](err)
	if !ok {
		t.Errorf("got %v (%T), want a clickhouse.Exception", err, err)
		return 0
	}
	return typed.Code
}

func TestParametersAreBoundAndNeverInterpolated(t *testing.T) {
	conn := client(t, shared)
	for _, value := range []string{"plain", "'; DROP TABLE x; --", "tab\tnew\nline", `back\slash`, "{x:String}", "é\u2028"} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT {v:String}", clickhouse.Named("v", value)).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != value {
			t.Errorf("named: got %q, want %q", got, value)
		}
		if err := conn.QueryRow(t.Context(), "SELECT ?", value).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != value {
			t.Errorf("by position: got %q, want %q", got, value)
		}
	}
	var list []string
	var when time.Time
	moment := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	err := conn.QueryRow(clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"list": "['a','b\\'c']"})), "SELECT {list:Array(String)}").Scan(&list)
	if err != nil || !slices.Equal(list, []string{"a", "b'c"}) {
		t.Errorf("array: got %q and error %v", list, err)
	}
	err = conn.QueryRow(t.Context(), "SELECT {when:DateTime64(3, 'UTC')}", clickhouse.DateNamed("when", moment, clickhouse.MilliSeconds)).Scan(&when)
	if err != nil || !when.Equal(moment) {
		t.Errorf("time: got %v and error %v, want %v", when, err, moment)
	}
}

func TestSettingsApplyToTheirQueryAndNoOther(t *testing.T) {
	conn := client(t, shared, func(o *clickhouse.Options) { o.MaxOpenConns = 1 })
	read := func(ctx context.Context) (value string, changed uint8) {
		t.Helper()
		err := conn.QueryRow(ctx, "SELECT value, changed FROM system.settings WHERE name = 'max_block_size'").Scan(&value, &changed)
		if err != nil {
			t.Fatal(err)
		}
		return value, changed
	}
	before, _ := read(t.Context())
	with := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 777, "log_comment": "it's"}))
	if got, _ := read(with); got != "777" {
		t.Errorf("with the setting: got %s, want 777", got)
	}
	if got, changed := read(t.Context()); got != before || changed != 0 {
		t.Errorf("afterwards: got %s (changed %d), want %s (changed 0)", got, changed, before)
	}
	// What a statement itself sets is gone as well, as on a server without a session.
	execute(t, conn, "SET max_block_size = 888")
	if got, _ := read(t.Context()); got != before {
		t.Errorf("after SET: got %s, want %s", got, before)
	}
	bad := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"no_such_setting": 1}))
	if got, want := code(t, conn.Exec(bad, "SELECT 1")), int32(115); got != want {
		t.Errorf("unknown setting: got code %d, want %d", got, want)
	}
}

func TestErrorsCarryTheServersCodeAndStatus(t *testing.T) {
	conn := client(t, shared)
	for sql, want := range map[string]struct {
		code   int32
		status int
	}{
		"SELECT * FROM no_such_table":    {60, http.StatusNotFound},
		"SELECT no_such_function(1)":     {46, http.StatusNotFound},
		"SELECT nothing FROM system.one": {47, http.StatusNotFound},
		"SELEC 1":                        {62, http.StatusBadRequest},
		"SELECT * FROM no_such_db.t":     {81, http.StatusNotFound},
		"SELECT throwIf(1)":              {395, http.StatusInternalServerError},
		"SELECT CAST('x', 'UInt8')":      {6, http.StatusBadRequest},
		"SELECT 1; SELECT 2":             {62, http.StatusBadRequest},
		"CREATE USER intruder":           {497, http.StatusForbidden},
		"SELECT sleep(3) SETTINGS max_execution_time = 1, function_sleep_max_microseconds_per_block = 0": {159, http.StatusRequestTimeout},
	} {
		err := conn.Exec(t.Context(), sql)
		if got := code(t, err); got != want.code {
			t.Errorf("%s: got code %d, want %d (%v)", sql, got, want.code, err)
		}
		if typed, ok := errors.AsType[*clickhouse.HTTPError](err); !ok || typed.StatusCode != want.status {
			t.Errorf("%s: got %v, want status %d", sql, err, want.status)
		}
	}
}

func TestExternalTablesComeWithTheirQuery(t *testing.T) {
	conn := client(t, shared)
	table, err := ext.NewTable("wanted", ext.Column("id", "UInt64"), ext.Column("name", "String"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(10) {
		if err := table.Append(i, fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	with := clickhouse.Context(t.Context(), clickhouse.WithExternalTable(table))
	if err := conn.QueryRow(with, "SELECT groupArray(name) FROM (SELECT name FROM wanted WHERE id % 4 = 0 ORDER BY id)").Scan(&names); err != nil {
		t.Fatal(err)
	}
	if want := []string{"n0", "n4", "n8"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if got, want := code(t, conn.Exec(t.Context(), "SELECT * FROM wanted")), int32(60); got != want {
		t.Errorf("without it: got code %d, want %d", got, want)
	}
}

func TestManyClientsAtOnceGetTheirOwnAnswers(t *testing.T) {
	conn := client(t, shared, func(o *clickhouse.Options) { o.MaxOpenConns, o.MaxIdleConns = 24, 24 })
	var group sync.WaitGroup
	for worker := range 24 {
		group.Go(func() {
			for i := range 20 {
				want := fmt.Sprint(worker, ":", i)
				with := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"log_comment": want}))
				var got, setting string
				if err := conn.QueryRow(with, "SELECT {v:String}, getSetting('log_comment')", clickhouse.Named("v", want)).Scan(&got, &setting); err != nil {
					t.Error(err)
					return
				}
				if got != want || setting != want {
					t.Errorf("got %q and %q, want %q", got, setting, want)
				}
			}
		})
	}
	group.Wait()
}

func TestAnAnswerOfManyBlocksIsWholeAndInOrder(t *testing.T) {
	conn := client(t, shared)
	found, err := conn.Query(t.Context(), "SELECT number FROM system.numbers LIMIT 500000")
	if err != nil {
		t.Fatal(err)
	}
	want := uint64(0)
	for ; found.Next(); want++ {
		var got uint64
		if err := found.Scan(&got); err != nil || got != want {
			t.Fatalf("got %d and error %v, want %d", got, err, want)
		}
	}
	if err := found.Err(); err != nil || want != 500_000 {
		t.Errorf("got %d rows and error %v", want, err)
	}
}

func TestAnErrorAfterTheFirstRowsIsTyped(t *testing.T) {
	for name, compression := range map[string]*clickhouse.Compression{
		"none": nil, "lz4": {Method: clickhouse.CompressionLZ4}, "gzip": {Method: clickhouse.CompressionGZIP, Level: 3},
	} {
		t.Run(name, func(t *testing.T) {
			conn := client(t, shared, func(o *clickhouse.Options) { o.Compression = compression })
			found, err := conn.Query(t.Context(), "SELECT number, throwIf(number = 2000000) FROM numbers(3000000) SETTINGS max_block_size = 10000, max_threads = 1")
			rows := 0
			for ; err == nil && found.Next(); rows++ {
			}
			if err == nil {
				err = found.Err()
			}
			if rows == 0 {
				t.Error("got no rows before the error: the test must be made longer")
			}
			if got, want := code(t, err), int32(395); got != want {
				t.Errorf("got code %d, want %d (%v)", got, want, err)
			}
		})
	}
}

func TestQueriesOfGrafanaRun(t *testing.T) {
	conn := client(t, shared, func(o *clickhouse.Options) {
		o.ClientInfo.Products = append(o.ClientInfo.Products, struct{ Name, Version string }{"clickhouse-datasource", "4"})
	})
	execute(t, conn, "CREATE TABLE grafana (ts DateTime64(3, 'UTC'), action LowCardinality(String), score Float32) ENGINE = MergeTree ORDER BY ts")
	execute(t, conn, "INSERT INTO grafana SELECT now64(3) - number, ['allow', 'step_up'][number % 2 + 1], number FROM numbers(1000)")
	for _, sql := range []string{
		"SELECT version()",
		"SELECT name FROM system.databases",
		"SHOW DATABASES", "SHOW TABLES FROM risk",
		"SELECT name, type FROM system.columns WHERE database = 'risk' AND table = 'grafana'",
		"DESC TABLE risk.grafana",
		"SELECT alias_table, source FROM (SELECT '' AS alias_table, '' AS source) WHERE 0",
		"SELECT toStartOfInterval(toDateTime(ts), INTERVAL 60 second) AS time, action, count() AS n FROM risk.grafana WHERE ts >= fromUnixTimestamp64Milli(1) GROUP BY time, action ORDER BY time LIMIT 1000",
		"EXPLAIN SELECT 1", "SELECT DISTINCT action FROM risk.grafana ORDER BY 1", "SELECT * FROM risk.grafana LIMIT 0",
	} {
		found, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		for found.Next() {
		}
		if err := found.Err(); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
