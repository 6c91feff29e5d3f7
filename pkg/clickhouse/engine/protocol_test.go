package engine_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func expect(t *testing.T, status int, body string, wantStatus int, wantBody string) {
	t.Helper()
	if status != wantStatus || body != wantBody {
		t.Errorf("got %d %q, want %d %q", status, body, wantStatus, wantBody)
	}
}

func do(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestTheTextMayComeInParameterBodyOrBoth(t *testing.T) {
	for name, c := range map[string]struct{ method, body, query, want string }{
		"body":      {"POST", "SELECT 1", "", "1\n"},
		"parameter": {"POST", "", "SELECT 2", "2\n"},
		"both":      {"POST", "+ 3", "SELECT 1", "4\n"},
		"get":       {"GET", "", "SELECT 5", "5\n"},
		"put":       {"PUT", "SELECT 6;", "", "6\n"},
		"comments":  {"POST", "-- hello\n/* there */ SELECT 7 -- end", "", "7\n"},
	} {
		t.Run(name, func(t *testing.T) {
			parameters := []string{}
			if c.query != "" {
				parameters = append(parameters, "query", c.query)
			}
			status, body, _ := raw(t, shared, c.method, c.body, parameters...)
			expect(t, status, body, http.StatusOK, c.want)
		})
	}
	if status, body, _ := raw(t, shared, "POST", " ; "); status != http.StatusBadRequest || !strings.Contains(body, "Empty query") {
		t.Errorf("empty: got %d %q", status, body)
	}
	if status, _, _ := raw(t, shared, "DELETE", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: got %d, want 405", status)
	}
}

func TestTheSummaryAndTheIDAreTold(t *testing.T) {
	if status, body, _ := raw(t, shared, "POST", "CREATE TABLE summary (n UInt64) ENGINE = MergeTree ORDER BY n"); status != 200 {
		t.Fatal(body)
	}
	_, _, header := raw(t, shared, "POST", "1\n2\n3\n", "query", "INSERT INTO summary FORMAT TSV", "query_id", "my-id")
	if got := header.Get("X-ClickHouse-Query-Id"); got != "my-id" {
		t.Errorf("got id %q, want my-id", got)
	}
	var summary map[string]string
	if err := json.Unmarshal([]byte(header.Get("X-ClickHouse-Summary")), &summary); err != nil {
		t.Fatal(err)
	}
	if summary["written_rows"] != "3" {
		t.Errorf("got %v, want written_rows 3", summary)
	}
	_, _, header = raw(t, shared, "POST", "SELECT * FROM summary")
	if err := json.Unmarshal([]byte(header.Get("X-ClickHouse-Summary")), &summary); err != nil {
		t.Fatal(err)
	}
	if summary["read_rows"] != "3" || summary["result_rows"] != "3" {
		t.Errorf("got %v, want read_rows and result_rows 3", summary)
	}
	if got := header.Get("X-ClickHouse-Timezone"); got != "UTC" {
		t.Errorf("got time zone %q, want UTC", got)
	}
}

// awaitQuery waits until a query with a text in it runs.

func awaitQuery(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); running(t, text) == "0"; {
		if time.Now().After(deadline) {
			t.Fatalf("no query with %q in it runs", text)
		}
	}
}

// running counts the queries with a text in them, this one aside.

func running(t testing.TB, text string) string {
	t.Helper()
	_, body, _ := raw(t, shared, "POST", "SELECT count() FROM system.processes WHERE position(query, {text:String}) > 0 AND position(query, 'system.processes') = 0", "param_text", text)
	return strings.TrimSpace(body)
}

func TestOneIDRunsOnce(t *testing.T) {
	var group sync.WaitGroup
	group.Go(func() { raw(t, shared, "POST", "SELECT sleep(1), 'twice'", "query_id", "twice") })
	defer group.Wait()
	awaitQuery(t, "twice")
	if _, body, header := raw(t, shared, "POST", "SELECT 1", "query_id", "twice"); header.Get("X-ClickHouse-Exception-Code") != "216" {
		t.Errorf("a second query with the id of a running one: got %q, want code 216", body)
	}
}

func TestParametersOfCurlAreInTheEscapedForm(t *testing.T) {
	status, body, _ := raw(t, shared, "POST", "SELECT {a:String} || '|' || {b:String}, {n:UInt8} FORMAT TSVRaw", "param_a", `tab\there`, "param_b", `quote'`, "param_n", "7")
	expect(t, status, body, http.StatusOK, "tab\there|quote'\t7\n")
	if _, body, header := raw(t, shared, "POST", "SELECT {a:String}"); header.Get("X-ClickHouse-Exception-Code") != "456" {
		t.Errorf("a missing parameter: got %q, want code 456", body)
	}
}

func TestSyntaxErrorsPointIntoTheClientsText(t *testing.T) {
	_, body, _ := raw(t, shared, "POST", "SELECT FROM WHERE")
	if want := "failed at position 18 (end of query)"; !strings.Contains(body, want) {
		t.Errorf("got %s, want %s", body, want)
	}
}
