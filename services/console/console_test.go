package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

func open(t *testing.T, conn driver.Conn) *Service {
	t.Helper()
	r, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	s, err := New(cfg, Deps{Stories: r, Log: enginetest.Quiet(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return storytest.Now }
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func get(t *testing.T, s *Service, path string, change ...func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8481"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func at(path string, pairs ...string) string { return link(path, pairs...) }

func TestPagesAnswerTheirQuestion(t *testing.T) {
	s := open(t, storytest.Load(t))
	for _, c := range []struct {
		name, path string
		want       []string
	}{
		{"the live feed", "/?window=24h", []string{"ada", "bob", "carol", "London, GB to Tokyo, JP: 9,480 km at least in 24 minutes", "22 scored + 2 duplicate", "1 late", "3 dead"}},
		{"a filtered feed", "/?window=24h&action=deny&user=ada", []string{"failed the challenge"}},
		{"step-ups", "/stepups", []string{"ch_", "a restricted resource needs a second factor", "first time from FR", "nobody answered"}},
		{"the thief's session", at("/session", "tenant", "acme", "id", "s-ada-1~9f3a2c41"), []string{
			"Step-up required: London, GB to Tokyo", "An attempt at the challenge failed: wrong code (3 times)", "The session was denied: too many failed attempts",
			"The app kept it out at /payroll", "Impossible travel", "Session changed hands", "The parts add up to the stored risk of <b>99.99</b>", "202.32.115.5"}},
		{"the owner's session", at("/session", "tenant", "acme", "id", "s-ada-1"), []string{"The step-up was satisfied", "exported report payroll-2026"}},
		{"a session with a late event", at("/session", "tenant", "acme", "id", "s-dave-1"), []string{"too late to be scored"}},
		{"a user", at("/user", "tenant", "acme", "id", "ada"), []string{"London, GB", "Tokyo, JP", "Firefox on Windows", "Chrome on Linux", "s-ada-1~9f3a2c41"}},
		{"a decision", at("/decision", "tenant", "acme", "event", "ev-0008"), []string{"no device token came, though 1 device of the user is known", "policy default@3f2a91c0", "partition 3"}},
		{"dead letters", "/dead", []string{"malformed", "future time", `binary`, `\u{0}`}},
		{"one reason of them", "/dead?reason=malformed", []string{"unexpected end at byte 17"}},
		{"who shares an address", at("/investigate", "by", "ip", "value", "91.64.12.8"), []string{"3 users were", "bob", "dave", "s-bob-1"}},
		{"who shares a device", at("/investigate", "by", "device", "value", "d-ada-7c1f"), []string{"ada", "2 users were"}},
		{"who shares a network", at("/investigate", "by", "asn", "value", "as3215"), []string{"carol", "1 user was"}},
		{"an address that is none", at("/investigate", "by", "ip", "value", "<b>"), []string{"is no IP address"}},
		{"nobody", at("/investigate", "by", "ip", "value", "192.0.2.1"), []string{"Nobody"}},
		{"investigation at its beginning", "/investigate", []string{"Give one of them"}},
		{"funnel and fatigue", "/fatigue", []string{"a restricted resource needs a second factor", "Mon 16 Nov 2026", "0.33", "no receipt", "carol"}},
		{"a search without an answer", "/find?q=nobody", []string{"Nothing has this id"}},
	} {
		code, body, _ := get(t, s, c.path)
		if code != http.StatusOK {
			t.Errorf("%s: %d", c.name, code)
		}
		body = strings.NewReplacer("&gt;", ">", "&#39;", "'", "&#43;", "+", "\u202f", " ").Replace(body)
		for _, w := range c.want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: %q is not there", c.name, w)
			}
		}
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func TestWhatCameFromOutsideIsNeverMarkup(t *testing.T) {
	s := open(t, storytest.Load(t))
	for _, path := range []string{
		"/?window=24h", "/?window=24h&user=" + url.QueryEscape(storytest.MarkupUser), "/?country=" + url.QueryEscape(`"><script>`),
		at("/session", "tenant", "acme", "id", storytest.MarkupSession), at("/session", "tenant", "<script>alert(3)</script>", "id", "<script>"),
		at("/user", "tenant", "acme", "id", storytest.MarkupUser), at("/decision", "tenant", "acme", "event", "ev-<xss>"),
		"/dead", "/dead?reason=" + url.QueryEscape(`"><script>`), "/find?q=" + url.QueryEscape(storytest.MarkupUser+" "), "/stepups?state=" + url.QueryEscape("<script>"),
	} {
		_, body, h := get(t, s, path)
		for _, bad := range []string{"<script>", "<img", "<b>x</b>", "<i>text", "onerror=alert(1)>"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %s", path, bad)
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

func TestASearchLeadsToTheOneThingFound(t *testing.T) {
	s := open(t, storytest.Load(t))
	for q, want := range map[string]string{
		"carol":              "/user?id=carol&tenant=acme",
		"s-carol-9":          "/session?id=s-carol-9&tenant=acme",
		"ev-0008":            "/decision?event=ev-0008&tenant=acme",
		"ch_tokyo":           "/session?id=s-ada-1~9f3a2c41&tenant=acme",
		storytest.MarkupUser: "/user?id=%3Cimg+src%3Dx+onerror%3Dalert%281%29%3E&tenant=acme",
		"":                   "/",
	} {
		code, _, h := get(t, s, "/find?q="+url.QueryEscape(q))
		if code != http.StatusSeeOther || strings.ReplaceAll(h.Get("Location"), "%7E", "~") != want {
			t.Errorf("%q: %d to %q, want %q", q, code, h.Get("Location"), want)
		}
	}
}

func TestAnEmptyDatabaseHasPagesToo(t *testing.T) {
	s := open(t, storytest.Empty(t))
	for path, want := range map[string]string{"/": "No decisions yet", "/stepups": "No step-ups", "/dead": "No dead letters", "/?level=high": "No decision matches"} {
		if code, body, _ := get(t, s, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", path, code, want)
		}
	}
	for _, path := range []string{"/session?tenant=acme&id=none", "/user?tenant=acme&id=none", "/decision?tenant=acme&event=none", "/nonsense", "/static/"} {
		if code, _, _ := get(t, s, path); code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, code)
		}
	}
	if code, _, _ := get(t, s, "/find?q="+strings.Repeat("x", maxQuery+1)); code != http.StatusBadRequest {
		t.Errorf("an endless query: %d, want 400", code)
	}
}

func TestAFragmentIsTheLivePartAlone(t *testing.T) {
	s := open(t, storytest.Load(t))
	code, body, _ := get(t, s, "/?window=24h&fragment=1")
	if code != http.StatusOK || strings.Contains(body, "<html") || !strings.Contains(body, `id="live"`) || !strings.Contains(body, "ada") {
		t.Errorf("%d: %.200s", code, body)
	}
}

func TestForeignHostsAndSitesAreRefused(t *testing.T) {
	s := open(t, storytest.Empty(t))
	s.cfg.Hosts = []string{"Riskd.example.com"}
	for host, want := range map[string]int{
		"127.0.0.1:8481": 200, "localhost:8481": 200, "localhost": 200, "[::1]:8481": 200, "riskd.example.com": 200, "RISKD.example.com:443": 200,
		"evil.example": 421, "evil.example:8481": 421, "127.0.0.1.evil.example": 421, "": 421, "10.0.0.7:8481": 421,
	} {
		if code, _, _ := get(t, s, "/static/console.css", func(r *http.Request) { r.Host = host }); code != want {
			t.Errorf("host %q: %d, want %d", host, code, want)
		}
	}
	code, _, _ := get(t, s, "/", func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "no-cors")
	})
	if code != http.StatusForbidden {
		t.Errorf("another site's request: %d, want 403", code)
	}
}

func TestWhenClickHouseIsAwayThePageSaysSoAndComesBack(t *testing.T) {
	conn := storytest.Load(t)
	s := open(t, conn)
	broken := &away404{Stories: s.stories}
	s.stories = broken
	broken.err = errors.New("dial tcp 127.0.0.1:8123: connection refused")
	code, body, _ := get(t, s, "/")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "ClickHouse does not answer") || !strings.Contains(body, "connection refused") {
		t.Errorf("%d: %.200s", code, body)
	}
	if err := s.Ready(); err == nil {
		t.Error("ready without ClickHouse")
	}
	broken.err = nil
	if code, _, _ := get(t, s, "/"); code != http.StatusOK || s.Ready() != nil {
		t.Errorf("when it is back: %d, %v", code, s.Ready())
	}
}

// away404 answers with an error as long as it has one.
type away404 struct {
	Stories
	err error
}

func (a *away404) Live(ctx context.Context, f story.LiveFilter, now time.Time) ([]story.Decision, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.Stories.Live(ctx, f, now)
}

func TestItServesAndStops(t *testing.T) {
	s := open(t, storytest.Empty(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	resp, err := http.Get("http://" + s.Addr() + "/static/console.js")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || len(body) < 1000 {
		t.Errorf("%d, %d bytes, %v", resp.StatusCode, len(body), err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestAConsoleThatOthersCanReachNeedsHosts(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, "0.0.0.0:1": false, ":1": false, "10.0.0.1:1": false, "nonsense": false} {
		c := DefaultConfig()
		c.Listen = listen
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%s: %v", listen, err)
		}
		c.Hosts = []string{"riskd.example.com"}
		if err := c.Validate(); (err == nil) != (listen != "nonsense") {
			t.Errorf("%s with hosts: %v", listen, err)
		}
	}
}

func TestBytesThatAreNotTextAreShownAsEscapes(t *testing.T) {
	for in, want := range map[string]string{"plain\n": "plain\n", "\x00\xff": `\u{0}\xff`, "a\u202eb": `a\u{202e}b`, "é": "é"} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
