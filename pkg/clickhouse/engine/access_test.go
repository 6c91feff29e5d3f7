package engine_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLifeIsToldWithoutAPassword(t *testing.T) {
	for _, path := range []string{"/ping", "/replicas_status", "/"} {
		request := newRequest(t, shared, http.MethodGet, nil)
		request.URL.Path = path
		request.Header.Del("Authorization")
		status, body := do(t, request)
		expect(t, status, body, http.StatusOK, "Ok.\n")
	}
	request := newRequest(t, shared, http.MethodGet, nil)
	request.URL.Path = "/play"
	if status, _ := do(t, request); status != http.StatusNotFound {
		t.Errorf("unknown path: got %d, want 404", status)
	}
}

func TestEveryWayToPresentAPasswordWorksAndNoneIsOptional(t *testing.T) {
	address, err := url.Parse(shared.DSN())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"basic": {func(*http.Request) {}, 200, ""},
		"headers": {func(r *http.Request) {
			r.Header = http.Header{"X-Clickhouse-User": {"riskd"}, "X-Clickhouse-Key": {password}}
		}, 200, ""},
		"parameters": {func(r *http.Request) { r.Header = http.Header{}; r.URL.RawQuery += "&user=riskd&password=" + password }, 200, ""},
		"none":       {func(r *http.Request) { r.Header = http.Header{} }, 401, "194"},
		"wrong":      {func(r *http.Request) { r.SetBasicAuth("riskd", "guess") }, 403, "516"},
		"empty":      {func(r *http.Request) { r.SetBasicAuth("riskd", "") }, 403, "516"},
		"other user": {func(r *http.Request) { r.SetBasicAuth("default", password) }, 403, "516"},
		"bearer":     {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 403, "516"},
		"two ways":   {func(r *http.Request) { r.Header.Set("X-ClickHouse-User", "riskd") }, 403, "516"},
	} {
		t.Run(name, func(t *testing.T) {
			request := newRequest(t, shared, http.MethodPost, strings.NewReader(""), "query", "SELECT 1")
			c.change(request)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if got := response.Header.Get("X-ClickHouse-Exception-Code"); response.StatusCode != c.status || got != c.code {
				t.Errorf("got status %d code %q, want %d %q", response.StatusCode, got, c.status, c.code)
			}
			body, _ := io.ReadAll(response.Body) // its content is what is looked at
			if strings.Contains(string(body), password) {
				t.Error("the answer holds the password")
			}
		})
	}
}

func TestAForeignHostNameIsTurnedAway(t *testing.T) {
	request := newRequest(t, shared, http.MethodPost, strings.NewReader("SELECT 1"))
	request.Host = "rebound.example.com"
	if status, _ := do(t, request); status != http.StatusMisdirectedRequest {
		t.Errorf("got %d, want 421", status)
	}
	request = newRequest(t, shared, http.MethodPost, strings.NewReader("SELECT 1"))
	request.Host = "localhost:" + request.URL.Port()
	status, body := do(t, request)
	expect(t, status, body, http.StatusOK, "1\n")
}

func TestGetCannotWrite(t *testing.T) {
	if status, body, _ := raw(t, shared, "POST", "CREATE TABLE by_get (n UInt8) ENGINE = MergeTree ORDER BY n"); status != 200 {
		t.Fatal(body)
	}
	for _, sql := range []string{
		"CREATE TABLE by_get_too (n UInt8) ENGINE = Memory", "DROP TABLE by_get", "ALTER TABLE by_get DELETE WHERE 1", "INSERT INTO by_get VALUES (1)",
		"SYSTEM DROP MARK CACHE", "SET readonly = 0",
	} {
		status, body, header := raw(t, shared, "GET", "", "query", sql)
		if got := header.Get("X-ClickHouse-Exception-Code"); got != "164" {
			t.Errorf("%s: got %d %q, want code 164", sql, status, body)
		}
	}
	status, body, _ := raw(t, shared, "GET", "", "query", "SELECT getSetting('max_threads')", "max_threads", "1")
	expect(t, status, body, http.StatusOK, "1\n")
	_, body, header := raw(t, shared, "POST", "DROP TABLE by_get", "readonly", "1")
	if got := header.Get("X-ClickHouse-Exception-Code"); got != "164" {
		t.Errorf("readonly=1: got %q %q, want code 164", got, body)
	}
}
