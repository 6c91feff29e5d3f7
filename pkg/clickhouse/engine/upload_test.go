package engine_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
)

// rowsOf is n lines of TSV.
func rowsOf(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&out, "%d\tsome text that fills the line up %d\n", i, i*7)
	}
	return out.Bytes()
}

// framesOf packs data the way ClickHouse clients do.
func framesOf(t *testing.T, data []byte) []byte {
	t.Helper()
	writer := compress.NewWriter(0, compress.LZ4)
	var out []byte
	for len(data) > 0 {
		n := min(len(data), 100_000)
		if err := writer.Compress(data[:n]); err != nil {
			t.Fatal(err)
		}
		out = append(out, writer.Data...)
		data = data[n:]
	}
	return out
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := writer.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNothingIsKeptOfAnUploadThatBreaksOff(t *testing.T) {
	conn := client(t, shared)
	plain := rowsOf(50_000)
	packed, framed := gzipped(t, plain), framesOf(t, plain)
	damaged := bytes.Clone(framed)
	damaged[len(damaged)/2] ^= 0xff
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		frames   string
		short    bool // the connection breaks, instead of the content being short
	}{
		"plain, connection broken":      {plain[:len(plain)/2], "", "0", true},
		"plain, broken after a line":    {plain[:bytes.LastIndexByte(plain[:len(plain)/2], '\n')+1], "", "0", true},
		"plain, broken in its first kB": {plain[:500], "", "0", true},
		"gzip, cut":                     {packed[:len(packed)/2], "gzip", "0", false},
		"gzip, connection broken":       {packed[:len(packed)/2], "gzip", "0", true},
		"frames, cut in a frame":        {framed[:len(framed)/2], "", "1", false},
		"frames, cut in a header":       {framed[:20], "", "1", false},
		"frames, cut after a header":    {framed[:25], "", "1", false},
		"frames, damaged":               {damaged, "", "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			execute(t, conn, "CREATE OR REPLACE TABLE broken (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
			request := newRequest(t, shared, http.MethodPost, nil, "query", "INSERT INTO risk.broken FORMAT TSV", "decompress", c.frames)
			if c.encoding != "" {
				request.Header.Set("Content-Encoding", c.encoding)
			}
			if c.short {
				breakOff(t, request, c.body)
			} else {
				request.Body = io.NopCloser(bytes.NewReader(c.body))
				request.ContentLength = int64(len(c.body))
				if status, body := do(t, request); status == http.StatusOK {
					t.Errorf("got %d %q, want an error", status, body)
				}
			}
			awaitQuiet(t, "INTO risk.broken")
			if got := count(t, conn, "broken"); got != 0 {
				t.Errorf("got %d rows, want 0", got)
			}
		})
	}
	// The same, whole, is kept: the cases above fail for the right reason.
	execute(t, conn, "CREATE OR REPLACE TABLE broken (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	request := newRequest(t, shared, http.MethodPost, bytes.NewReader(framed), "query", "INSERT INTO risk.broken FORMAT TSV", "decompress", "1")
	if status, body := do(t, request); status != http.StatusOK {
		t.Errorf("whole: got %d %q", status, body)
	}
	if got := count(t, conn, "broken"); got != 50_000 {
		t.Errorf("whole: got %d rows, want 50000", got)
	}
}

// breakOff sends a part of a chunked upload and closes the connection.
func breakOff(t *testing.T, request *http.Request, part []byte) {
	t.Helper()
	connection := sendPart(t, request, part)
	time.Sleep(50 * time.Millisecond) // the insert has begun
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
}

// sendPart sends a part of a chunked upload.
func sendPart(t *testing.T, request *http.Request, part []byte) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n", request.URL.RequestURI(), request.URL.Host)
	for name, values := range request.Header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, values[0])
	}
	fmt.Fprintf(&head, "\r\n%x\r\n", len(part))
	if _, err := io.WriteString(connection, head.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Write(append(part, "\r\n"...)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// awaitQuiet waits until no query with a text in it runs any more.
func awaitQuiet(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); running(t, text) != "0"; {
		if time.Now().After(deadline) {
			t.Fatalf("a query with %q in it runs on", text)
		}
	}
}

func TestAQueryEndsWhenItsClientGoes(t *testing.T) {
	for name, sql := range map[string]string{
		"while it sends": "SELECT number, 'gone sends' FROM system.numbers",
		"before output":  "SELECT count() FROM system.numbers_mt WHERE sipHash64(number, 'gone before') = 1",
		"materialized":   "SELECT count(), 'gone whole' FROM numbers(1000000000000) FORMAT JSON",
		"with parameter": "SELECT count() FROM system.numbers_mt WHERE sipHash64(number, 'gone param') = {n:UInt64}",
	} {
		t.Run(name, func(t *testing.T) {
			mark := sql[strings.Index(sql, "gone "):][:8]
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				response, err := http.DefaultClient.Do(newRequest(t, shared, http.MethodPost, strings.NewReader(sql), "param_n", "1").WithContext(ctx))
				if err == nil {
					defer response.Body.Close()
					_, err = io.Copy(io.Discard, response.Body)
				}
				ended <- err
			}()
			awaitQuery(t, mark)
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want a cancelled request", err)
			}
			awaitQuiet(t, mark)
		})
	}
}

func TestClickHouseGoCancelsByItsContext(t *testing.T) {
	conn := client(t, shared)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	var n uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM system.numbers_mt WHERE sipHash64(number, 'by context') = 1").Scan(&n)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	awaitQuiet(t, "by context")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the query ended after %s, want soon", took)
	}
}

func TestARefusedUploadStillGetsItsReason(t *testing.T) {
	body := rowsOf(300_000) // more than a connection buffers
	request := newRequest(t, shared, http.MethodPost, bytes.NewReader(body), "query", "INSERT INTO risk.no_such_table FORMAT TSV")
	status, answer := do(t, request)
	if status != http.StatusNotFound || !strings.Contains(answer, "Code: 60.") {
		t.Errorf("got %d %q, want code 60", status, answer)
	}
}
