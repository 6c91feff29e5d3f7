package engine_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The analyst reads, within limits that cannot be raised, and nothing else.
func TestTheAnalystMayOnlyRead(t *testing.T) {
	writer := client(t, shared)
	for _, s := range []string{"CREATE TABLE IF NOT EXISTS analysed (n UInt64) ENGINE = MergeTree ORDER BY n", "INSERT INTO analysed SELECT number FROM numbers(10)"} {
		if err := writer.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	options, err := clickhouse.ParseDSN(shared.AnalystDSN())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var n uint64
	for _, s := range []string{
		"SELECT count() FROM analysed", "WITH 10 AS x SELECT count() FROM analysed WHERE n < x", "SELECT count() FROM analysed SETTINGS max_execution_time = 5, max_threads = 1",
		"SELECT max(n) + 1 FROM analysed WHERE n IN (SELECT number FROM numbers(100))",
	} {
		if err := reader.QueryRow(t.Context(), s).Scan(&n); err != nil || n != 10 {
			t.Errorf("%s: %d, %v; want 10", s, n, err)
		}
	}
	for _, s := range []string{"EXPLAIN SELECT * FROM analysed", "SHOW TABLES", "DESCRIBE TABLE analysed"} {
		rows, err := reader.Query(t.Context(), s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		rows.Close()
	}
	for _, s := range []string{
		"INSERT INTO analysed VALUES (11)", "INSERT INTO analysed SELECT 11", "DROP TABLE analysed", "TRUNCATE TABLE analysed", "ALTER TABLE analysed DELETE WHERE n = 1", "CREATE TABLE other (n UInt8) ENGINE = Memory",
		"CREATE TEMPORARY TABLE other (n UInt8)", "OPTIMIZE TABLE analysed", "SYSTEM DROP MARK CACHE", "KILL QUERY WHERE 1", "SET readonly = 0", "SET profile = 'default'", "SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS profile = 'default'", "SELECT 1 SETTINGS `profile`='default'", "SELECT * FROM (SELECT 1 SETTINGS max_result_rows = 0) SETTINGS /* x */ profile/**/= 'default'", "SELECT 1 SETTINGS max_result_rows = 2000000", "SELECT 1 SETTINGS max_result_rows = 0", "SELECT 1 SETTINGS max_execution_time = 0", "SELECT 1 SETTINGS max_memory_usage = 0",
		"SELECT 1 SETTINGS result_overflow_mode = 'break'", "SELECT number FROM numbers(1000001)",
	} {
		rows, err := reader.Query(t.Context(), s)
		if err == nil {
			for rows.Next() { //nolint:revive // an answer that is too long fails on its way
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err == nil {
			t.Errorf("%s: the analyst may", s)
		}
	}
	if err := writer.QueryRow(t.Context(), "SELECT count() FROM analysed").Scan(&n); err != nil || n != 10 {
		t.Errorf("afterwards there are %d rows, %v; want 10", n, err)
	}
	as := func(method string, more ...string) (int, string) {
		request := newRequest(t, shared, method, http.NoBody, more...)
		request.Header.Del("Authorization")
		request.Header.Set("X-ClickHouse-User", "analyst")
		request.Header.Set("X-ClickHouse-Key", options.Auth.Password)
		return do(t, request)
	}
	for _, more := range [][]string{{"readonly", "0"}, {"profile", "default"}, {"max_result_rows", "0"}, {"session_id", "s"}} {
		if status, body := as(http.MethodPost, append(more, "query", "SELECT 1")...); status == http.StatusOK {
			t.Errorf("%v: %s, want a refusal", more, body)
		}
	}
	if status, body := as(http.MethodGet, "query", "SELECT 1"); status != http.StatusOK || strings.TrimSpace(body) != "1" {
		t.Errorf("by GET: %d %s", status, body)
	}
	request := newRequest(t, shared, http.MethodPost, http.NoBody, "query", "SELECT 1")
	request.Header.Del("Authorization")
	request.Header.Set("X-ClickHouse-User", "riskd")
	request.Header.Set("X-ClickHouse-Key", options.Auth.Password)
	if status, _ := do(t, request); status == http.StatusOK {
		t.Error("the writer's name with the analyst's password is let in")
	}
}
