package engine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

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
