package engine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
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

func TestFormatsAndTheirTypes(t *testing.T) {
	for _, c := range []struct{ sql, format, header, want, kind, body string }{
		{"SELECT 1 AS x", "", "", "TabSeparated", "text/tab-separated-values; charset=UTF-8", "1\n"},
		{"SELECT 1 AS x", "JSONEachRow", "", "JSONEachRow", "application/x-ndjson; charset=UTF-8", "{\"x\":1}\n"},
		{"SELECT 1 AS x", "", "CSVWithNames", "CSVWithNames", "text/csv; charset=UTF-8; header=present", "\"x\"\n1\n"},
		{"SELECT 1 AS x FORMAT CSV", "JSON", "", "CSV", "text/csv; charset=UTF-8; header=absent", "1\n"},
		{"SELECT 1 AS x FORMAT TSV SETTINGS max_threads = 1", "JSON", "", "TSV", "text/tab-separated-values; charset=UTF-8", "1\n"},
		{"SELECT ' FORMAT JSON' AS x", "CSV", "", "CSV", "text/csv; charset=UTF-8; header=absent", "\" FORMAT JSON\"\n"},
		{"SELECT 1 WHERE 0", "", "", "TabSeparated", "text/tab-separated-values; charset=UTF-8", ""},
		{"SHOW DATABASES LIKE 'risk' FORMAT JSONEachRow", "", "", "JSONEachRow", "application/x-ndjson; charset=UTF-8", "{\"name\":\"risk\"}\n"},
		{"SELECT n, sum(1) FROM (SELECT 1 AS n) GROUP BY n WITH TOTALS FORMAT TSV", "", "", "TSV", "text/tab-separated-values; charset=UTF-8", "1\t1\n\n0\t1\n"},
	} {
		parameters, header := []string{}, http.Header{}
		if c.format != "" {
			parameters = append(parameters, "default_format", c.format)
		}
		if c.header != "" {
			header.Set("X-ClickHouse-Format", c.header)
		}
		status, body, answered := rawWith(t, shared, "POST", strings.NewReader(c.sql), header, parameters...)
		expect(t, status, body, http.StatusOK, c.body)
		if got := answered.Get("X-ClickHouse-Format"); got != c.want {
			t.Errorf("%s: got format %q, want %q", c.sql, got, c.want)
		}
		if got := answered.Get("Content-Type"); got != c.kind {
			t.Errorf("%s: got type %q, want %q", c.sql, got, c.kind)
		}
	}
}

func TestLongAnswersAreOneDocumentInFormatsWithHeadAndFoot(t *testing.T) {
	const rows = 200_000 // several blocks
	_, body, _ := raw(t, shared, "POST", "SELECT number AS n FROM numbers(200000)", "default_format", "JSON")
	var document struct{ Data []struct{ N json.Number } }
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Data) != rows {
		t.Errorf("JSON: got %d rows, want %d", len(document.Data), rows)
	}
	for format, want := range map[string]int{"CSVWithNames": rows + 1, "CSV": rows, "JSONEachRow": rows, "TabSeparatedWithNamesAndTypes": rows + 2} {
		_, body, _ := raw(t, shared, "POST", "SELECT number AS n FROM numbers(200000)", "default_format", format)
		if got := strings.Count(body, "\n"); got != want {
			t.Errorf("%s: got %d lines, want %d", format, got, want)
		}
	}
	_, body, _ = raw(t, shared, "POST", "SELECT number AS n FROM numbers(200000)", "default_format", "JSONEachRow", "output_format_json_array_of_rows", "1")
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != rows {
		t.Errorf("an array of rows: got %d and error %v, want %d", len(list), err, rows)
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

func TestInsertsInEveryShape(t *testing.T) {
	if status, body, _ := raw(t, shared, "POST", "CREATE TABLE risk.shapes (n UInt64, s String) ENGINE = MergeTree ORDER BY n"); status != 200 {
		t.Fatal(body)
	}
	for i, c := range []struct{ query, body string }{
		{"INSERT INTO shapes FORMAT TSV", "1\ta\n"},
		{"INSERT INTO shapes (n, s) FORMAT JSONEachRow", `{"n":2,"s":"b"}`},
		{"", "INSERT INTO shapes FORMAT CSV\n3,c\n"},
		{"", "INSERT INTO shapes FORMAT CSV 4,d"},
		{"", "INSERT INTO shapes VALUES (5, 'e;')"},
		{"INSERT INTO shapes VALUES", "(6, 'f')"},
		{"insert into shapes settings max_threads = 1 format Values", "(7, 'g')"},
		{"INSERT INTO TABLE shapes (* EXCEPT (s)) VALUES", "(8)"},
		{"INSERT INTO shapes SELECT 9, 'i'", ""},
		{"INSERT INTO shapes (n, s) WITH 10 AS x SELECT x, 'j'", ""},
		{"INSERT /* FORMAT CSV */ INTO `shapes` -- VALUES\n FORMAT TSV", "11\tk"},
		{"INSERT INTO shapes", "VALUES (12, 'l')"},
		{"INSERT INTO shapes FORMAT TSV", ""},
		{"INSERT INTO risk.shapes FORMAT TSV", "13\tm\n"},
	} {
		if status, body, _ := raw(t, shared, "POST", c.body, withQuery(c.query)...); status != 200 || body != "" {
			t.Errorf("%d: %s %q: got %d %q", i, c.query, c.body, status, body)
		}
	}
	_, body, _ := raw(t, shared, "POST", "SELECT groupArray(n), groupArray(s) FROM (SELECT * FROM risk.shapes ORDER BY n)")
	if want := "[1,2,3,4,5,6,7,8,9,10,11,12,13]\t['a','b','c','d','e;','f','g','','i','j','k','l','m']\n"; body != want {
		t.Errorf("got %s want %s", body, want)
	}
	for _, text := range []string{"INSERT INTO risk.shapes VALUES (90, 'x'); DROP TABLE risk.shapes", "INSERT INTO risk.shapes VALUES (90, 'x'); INSERT INTO risk.shapes VALUES (91, 'y')"} {
		if _, body, header := raw(t, shared, "POST", text); header.Get("X-ClickHouse-Exception-Code") != "62" {
			t.Errorf("%s: got %q, want code 62", text, body)
		}
	}
	for query, want := range map[string]string{"INSERT INTO risk.shapes FORMAT TSV": "27", "INSERT INTO missing FORMAT TSV": "60", "INSERT INTO risk.shapes FORMAT NoSuch": "73", "INSERT INTO risk.shapes (zz) FORMAT TSV": "16",
		"INSERT INTO risk.shapes SELECT n, s FROM input('n UInt64, s String') FORMAT TSV": "48"} {
		if _, body, header := raw(t, shared, "POST", "not a number\tx\n", "query", query); header.Get("X-ClickHouse-Exception-Code") != want {
			t.Errorf("%s: got %q, want code %s", query, body, want)
		}
	}
	if _, body, _ := raw(t, shared, "POST", "SELECT count() FROM risk.shapes"); body != "13\n" {
		t.Errorf("got %s rows, want 13", body)
	}
}

func withQuery(query string) []string {
	parameters := []string{"database", "risk"}
	if query != "" {
		parameters = append(parameters, "query", query)
	}
	return parameters
}

func TestAnswersAreCompressedAsAsked(t *testing.T) {
	ask := func(accept string, parameters ...string) (string, []byte) {
		request := newRequest(t, shared, http.MethodPost, strings.NewReader("SELECT number FROM numbers(100000)"), parameters...)
		request.Header.Set("Accept-Encoding", accept)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.Header.Get("Content-Encoding"), body
	}
	_, plain := ask("identity")
	for accept, c := range map[string]struct {
		encoding string
		decode   func(io.Reader) (io.Reader, error)
	}{
		"gzip":                   {"gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"gzip;q=0.5, zstd;q=0.9": {"zstd", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
		"zstd;q=0, gzip":         {"gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"":                       {"", func(r io.Reader) (io.Reader, error) { return r, nil }},
	} {
		encoding, body := ask(accept)
		reader, err := c.decode(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(reader)
		if err != nil || encoding != c.encoding || !bytes.Equal(got, plain) {
			t.Errorf("%q: got coding %q, %d bytes and error %v, want %q and %d bytes", accept, encoding, len(got), err, c.encoding, len(plain))
		}
	}
	if encoding, body := ask("gzip", "enable_http_compression", "0"); encoding != "" || !bytes.Equal(body, plain) {
		t.Errorf("switched off: got coding %q", encoding)
	}
	// A body in a coding that nobody knows.
	request := newRequest(t, shared, http.MethodPost, strings.NewReader("SELECT 1"))
	request.Header.Set("Content-Encoding", "rot13")
	if status, _ := do(t, request); status != http.StatusUnsupportedMediaType {
		t.Errorf("unknown coding: got %d, want 415", status)
	}
}

func TestAnErrorAfterTheFirstByteEndsTheBodyWithItsBlock(t *testing.T) {
	request := newRequest(t, shared, http.MethodPost, strings.NewReader("SELECT number, throwIf(number = 2000000) FROM numbers(3000000)"), "max_block_size", "10000", "max_threads", "1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil {
		t.Error("the transfer ended well, although the query failed")
	}
	tag := response.Header.Get("X-ClickHouse-Exception-Tag")
	text := string(body)
	start := strings.Index(text, "\r\n__exception__\r\n"+tag+"\r\nCode: 395. DB::Exception: ")
	if response.StatusCode != 200 || start < 0 || !strings.HasSuffix(text, " "+tag+"\r\n__exception__\r\n") {
		t.Fatalf("got %d and a body that ends in %q", response.StatusCode, text[max(0, len(text)-300):])
	}
	message, length, _ := strings.Cut(text[start+len("\r\n__exception__\r\n"+tag+"\r\n"):], "\n")
	if want := fmt.Sprintf("%d %s\r\n", len(message)+1, tag); !strings.HasPrefix(length, want) {
		t.Errorf("got length line %q, want %q", length, want)
	}
}

func TestWaitEndOfQueryGivesErrorsTheirStatus(t *testing.T) {
	sql := "SELECT number, throwIf(number = 2000000) FROM numbers(3000000)"
	status, body, header := raw(t, shared, "POST", sql, "max_block_size", "10000", "max_threads", "1", "wait_end_of_query", "1")
	if status != 500 || header.Get("X-ClickHouse-Exception-Code") != "395" || !strings.HasPrefix(body, "Code: 395.") {
		t.Errorf("got %d %q", status, body[:min(len(body), 200)])
	}
	// More than is held in memory.
	_, body, header = raw(t, shared, "POST", "SELECT number FROM numbers(3000000)", "wait_end_of_query", "1")
	if got, want := strings.Count(body, "\n"), 3_000_000; got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
	if !strings.Contains(header.Get("X-ClickHouse-Summary"), `"result_rows":"3000000"`) {
		t.Errorf("got summary %s", header.Get("X-ClickHouse-Summary"))
	}
}

func TestSyntaxErrorsPointIntoTheClientsText(t *testing.T) {
	_, body, _ := raw(t, shared, "POST", "SELECT FROM WHERE")
	if want := "failed at position 18 (end of query)"; !strings.Contains(body, want) {
		t.Errorf("got %s, want %s", body, want)
	}
}
