package engine_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSessionsKeepWhatRequestsDoNot(t *testing.T) {
	ask := func(session, sql string, more ...string) (string, string) {
		t.Helper()
		_, body, header := raw(t, shared, "POST", sql, append([]string{"session_id", session}, more...)...)
		return strings.TrimSpace(body), header.Get("X-ClickHouse-Exception-Code")
	}
	if _, code := ask("s1", "CREATE TEMPORARY TABLE temp (n UInt8)"); code != "" {
		t.Fatal(code)
	}
	ask("s1", "INSERT INTO temp VALUES (1), (2)")
	ask("s1", "SET max_block_size = 1234")
	if got, _ := ask("s1", "SELECT count(), getSetting('max_block_size') FROM temp"); got != "2\t1234" {
		t.Errorf("got %q, want 2 1234", got)
	}
	if got, _ := ask("s1", "SELECT getSetting('max_block_size')", "max_block_size", "99"); got != "99" {
		t.Errorf("a request's own setting: got %q, want 99", got)
	}
	if got, _ := ask("s1", "SELECT getSetting('max_block_size')"); got != "1234" {
		t.Errorf("afterwards: got %q, want the session's 1234", got)
	}
	if _, code := ask("s2", "SELECT * FROM temp"); code != "60" {
		t.Errorf("another session: got code %q, want 60", code)
	}
	if _, body, _ := raw(t, shared, "POST", "SELECT count() FROM system.tables WHERE name = 'temp'"); body != "0\n" {
		t.Errorf("without session: got %q", body)
	}
	if _, code := ask("never", "SELECT 1", "session_check", "1"); code != "372" {
		t.Errorf("session_check: got code %q, want 372", code)
	}
	if _, code := ask("s1", "SELECT 1", "session_timeout", "99999"); code != "374" {
		t.Errorf("long timeout: got code %q, want 374", code)
	}
	ask("short", "SELECT 1", "session_timeout", "1")
	time.Sleep(1500 * time.Millisecond)
	if _, code := ask("short", "SELECT 1", "session_check", "1"); code != "372" {
		t.Errorf("after its timeout: got code %q, want 372", code)
	}
	ask("s1", "SELECT 1", "close_session", "1")
	if _, code := ask("s1", "SELECT 1", "session_check", "1"); code != "372" {
		t.Errorf("after close_session: got code %q, want 372", code)
	}
	var group sync.WaitGroup
	group.Go(func() { ask("busy", "SELECT sleep(1), 'busy session'") })
	defer group.Wait()
	awaitQuery(t, "busy session")
	if _, code := ask("busy", "SELECT 1"); code != "373" {
		t.Errorf("a second request in a busy session: got code %q, want 373", code)
	}
}

func TestAFormCarriesExternalTables(t *testing.T) {
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("ids", "ids.tsv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(part, "1\tone\n2\ttwo\n")
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	request := newRequest(t, shared, http.MethodPost, &form, "query", "SELECT _2 FROM ids WHERE _1 = 2", "ids_types", "UInt8,String")
	request.Header.Set("Content-Type", writer.FormDataContentType())
	status, body := do(t, request)
	expect(t, status, body, http.StatusOK, "two\n")
}

func TestFilesAndNetworkAreOutOfReach(t *testing.T) {
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("top secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"SELECT * FROM file('" + secret + "', 'LineAsString')",
		"SELECT file('" + secret + "')", "SELECT `file`('" + secret + "')", "SELECT \"fil\\x65\"('" + secret + "')", "SELECT /* */ file /* */ ('" + secret + "')",
		"SELECT * FROM `" + secret + "`", "SELECT * FROM default.`" + secret + "`",
		"SELECT 'x' INTO OUTFILE '" + secret + "' TRUNCATE", "SELECT 'x' INTO/**/OUTFILE '" + secret + "' TRUNCATE",
		"INSERT INTO system.one FROM INFILE '" + secret + "' FORMAT TSV",
		"CREATE TABLE leak (s String) ENGINE = File(LineAsString, '" + secret + "')",
		"CREATE DATABASE leak ENGINE = Filesystem('/etc')", "CREATE FUNCTION leak AS (x) -> file(x)",
		"CREATE DICTIONARY leak (s String) PRIMARY KEY s SOURCE(EXECUTABLE(command 'cat " + secret + "' format 'LineAsString')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 's String')", "SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV', 's String')",
		"SELECT * FROM remote('127.0.0.1:1', system.one)", "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')", "SELECT * FROM executable('x', 'TSV', 's String')",
		"SELECT * FROM sqlite('" + secret + "', 't')", "SYSTEM SHUTDOWN", "SYSTEM KILL", "GRANT ALL ON *.* TO default", "CREATE NAMED COLLECTION leak AS a = 'b'",
		"BACKUP DATABASE risk TO File('" + secret + ".backup')",
	} {
		status, body, _ := raw(t, shared, "POST", sql)
		if sql == "CREATE DATABASE leak ENGINE = Filesystem('/etc')" && status == 200 {
			status, body, _ = raw(t, shared, "POST", "SELECT * FROM leak.hostname")
			raw(t, shared, "POST", "DROP DATABASE leak")
		}
		if status == 200 || strings.Contains(body, "top secret") {
			t.Errorf("%s: got %d %q, want an error", sql, status, body)
		}
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "top secret" {
		t.Errorf("got %q and error %v: the file was changed", got, err)
	}
	if err := shared.Ready(); err != nil {
		t.Error(err)
	}
}
