package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

func TestNobodySeesAnythingBeforeSigningIn(t *testing.T) {
	d := open(t, storytest.Empty(t))
	for _, path := range []string{"/api/overview", "/api/live", "/api/live/stream", "/api/stepups", "/api/fatigue", "/api/rules", "/api/health", "/api/session?tenant=a&id=b",
		"/api/user?tenant=a&id=b", "/api/decision?tenant=a&event=b", "/api/investigate", "/api/find?q=x", "/api/dead", "/api/audit"} {
		if r := d.do("GET", path, "", nil); r.code != http.StatusUnauthorized || !strings.Contains(r.body, "signed_out") {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	for _, path := range []string{"/api/feedback", "/api/redrive"} {
		if r := d.do("POST", path, "{}", nil); r.code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	if r := d.do("GET", "/api/me", "", nil); r.code != http.StatusOK || !strings.Contains(r.body, `"name":""`) || !strings.Contains(r.body, `"local":true`) {
		t.Errorf("me: %d %s", r.code, r.body)
	}
}

func TestEachRoleMayDoWhatItIsFor(t *testing.T) {
	d := open(t, storytest.Empty(t))
	viewer, token := d.as(signin.Viewer)
	if r := d.do("POST", "/api/feedback", "{}", viewer, withToken(token)); r.code != http.StatusForbidden {
		t.Errorf("a viewer's feedback: %d", r.code)
	}
	if r := d.do("GET", "/api/audit", "", viewer); r.code != http.StatusForbidden {
		t.Errorf("a viewer reads the audit: %d", r.code)
	}
	analyst, token := d.as(signin.Analyst)
	if r := d.do("POST", "/api/feedback", "{}", analyst, withToken(token)); r.code != http.StatusBadRequest {
		t.Errorf("an analyst's empty feedback: %d %s", r.code, r.body)
	}
	if r := d.do("GET", "/api/audit", "", analyst); r.code != http.StatusForbidden {
		t.Errorf("an analyst reads the audit: %d", r.code)
	}
	admin, _ := d.as(signin.Admin)
	if r := d.do("GET", "/api/audit", "", admin); r.code != http.StatusOK {
		t.Errorf("an admin reads the audit: %d %s", r.code, r.body)
	}
}

func TestEveryLookAtAPersonIsWrittenDownBeforeItIsShown(t *testing.T) {
	conn := storytest.Load(t)
	d := open(t, conn)
	viewer, _ := d.as(signin.Viewer)
	for _, path := range []string{link("/api/session", "tenant", "acme", "id", "s-ada-1"), link("/api/user", "tenant", "acme", "id", "bob"), link("/api/decision", "tenant", "acme", "event", "ev-0008"),
		link("/api/investigate", "by", "ip", "value", "91.64.12.8"), link("/api/user", "tenant", "acme", "id", "nobody"), "/api/find?q=carol", "/api/overview", "/api/stepups"} {
		d.do("GET", path, "", viewer)
	}
	admin, _ := d.as(signin.Admin)
	var a api.Audit
	d.now = time.Now
	r := d.do("GET", "/api/audit?actor=viewer@acme", "", admin)
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("%d %s: %v", r.code, r.body, err)
	}
	var got []string
	for _, e := range a.Entries {
		got = append(got, e.Action+" "+e.Subject+" "+e.Detail)
	}
	slices.Reverse(got)
	want := "signed_in  by password|saw_session s-ada-1 |saw_user bob |saw_decision ev-0008 |investigated ip 91.64.12.8 |saw_user nobody nothing found|searched carol "
	if strings.Join(got, "|") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, "|"), want)
	}
	// A session's look names whose it is, so that one person's looks can be found.
	r = d.do("GET", "/api/audit?user=ada", "", admin)
	if !strings.Contains(r.body, "saw_session") || !strings.Contains(r.body, "saw_decision") || strings.Contains(r.body, "saw_user") {
		t.Errorf("looks at ada: %s", r.body)
	}
}

// broken cannot write.
type broken struct{}

func (broken) Write(context.Context, audit.Entry) error { return errors.New("no space") }
func (broken) Note(audit.Entry)                         {}

func TestALookThatCannotBeWrittenDownIsNotShown(t *testing.T) {
	d := open(t, storytest.Load(t))
	analyst, token := d.as(signin.Analyst)
	d.audit = broken{}
	d.handler = d.guard(d.routes())
	if r := d.do("GET", link("/api/user", "tenant", "acme", "id", "ada"), "", analyst); r.code != http.StatusServiceUnavailable || strings.Contains(r.body, "London") {
		t.Errorf("%d %.200s", r.code, r.body)
	}
	r := d.do("POST", "/api/feedback", `{"tenant":"acme","user":"ada","session":"s-ada-1","event":"","challenge":"","label":"attack","reason":"x"}`, analyst, withToken(token))
	if r.code != http.StatusServiceUnavailable || len(d.sent.evs) != 0 {
		t.Errorf("%d %s, %d events", r.code, r.body, len(d.sent.evs))
	}
	if r := d.do("GET", "/api/overview", "", analyst); r.code != http.StatusOK {
		t.Errorf("what is nobody's story: %d", r.code)
	}
}

func TestBehindAProxyTheAddressIsTheBrowsers(t *testing.T) {
	for _, c := range []struct{ header, want string }{{"", "192.0.2.1"}, {"203.0.113.9", "203.0.113.9"}, {"198.51.100.7, 203.0.113.9", "203.0.113.9"}, {"2001:db8::1:2", "2001:db8::/64"}, {"nonsense", "192.0.2.1"}} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "192.0.2.1:4711"
		if c.header != "" {
			r.Header.Set("X-Forwarded-For", c.header)
		}
		forwarded(r)
		if got := signin.Address(r); got != c.want {
			t.Errorf("%q: got %s, want %s", c.header, got, c.want)
		}
	}
}

func TestForeignHostsAndSitesAreRefused(t *testing.T) {
	d := open(t, storytest.Empty(t))
	d.cfg.Hosts = []string{"Riskd.example.com"}
	for host, want := range map[string]int{
		"127.0.0.1:8481": 200, "localhost:8481": 200, "localhost": 200, "[::1]:8481": 200, "riskd.example.com": 200, "RISKD.example.com:443": 200,
		"evil.example": 421, "evil.example:8481": 421, "127.0.0.1.evil.example": 421, "": 421, "10.0.0.7:8481": 421,
	} {
		if r := d.do("GET", "/api/me", "", nil, func(r *http.Request) { r.Host = host }); r.code != want {
			t.Errorf("host %q: %d, want %d", host, r.code, want)
		}
	}
	r := d.do("GET", "/", "", nil, func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "no-cors")
	})
	if r.code != http.StatusForbidden {
		t.Errorf("another site's request: %d, want 403", r.code)
	}
	csp := d.do("GET", "/", "", nil).head.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
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

func TestAfterSigningInOneStaysOnThisSite(t *testing.T) {
	for next, want := range map[string]string{"/user?id=a": "/user?id=a", "": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", "user": "/", "/a\r\nb": "/"} {
		if got := local(next); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
}
