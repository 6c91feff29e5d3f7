package payroll

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTheWrongPasswordIsReportedAndTheRightOneOpensASession(t *testing.T) {
	w := newTown(t)
	b := w.browser(laptop, "")
	if got := b.login("ada", "wrong"); got.status != 401 || !strings.Contains(got.text, "not right") {
		t.Errorf("wrong password: got %d", got.status)
	}
	if got := b.login("nobody", "river-stone-42"); got.status != 401 {
		t.Errorf("unknown account: got %d", got.status)
	}
	got := b.do("POST", "/login", url.Values{"name": {"ada"}, "password": {"river-stone-42"}, "next": {"/keys"}})
	if got.status != 303 || got.to != "/keys" {
		t.Errorf("right password: got %d to %s", got.status, got.to)
	}
	for _, c := range got.header.Values("Set-Cookie") {
		if !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
			t.Errorf("cookie: got %s", c)
		}
	}
	if got := b.get("/home"); got.status != 200 || !strings.Contains(got.text, "Ada Marsh") {
		t.Errorf("home: got %d", got.status)
	}
	events := w.events()
	if len(events) != 4 || events[0].Outcome != "failure" || events[1].User.Id != "nobody" || events[2].Outcome != "success" || events[2].Session.Acr != "aal1" {
		t.Fatalf("got %v", events)
	}
	if login, page := events[2], events[3]; login.Session.Id != page.Session.Id || login.Device.GetId() == "" || login.Device.Id != page.Device.Id {
		t.Errorf("login %v and page %v differ in session or device", login, page)
	}
	if cookie := b.jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(w.web.URL, "http://")}); strings.Contains(events[2].String(), cookie[len(cookie)-1].Value) {
		t.Error("the session cookie itself was reported")
	}
}

func TestSecureOriginsGetHostCookies(t *testing.T) {
	w := newTown(t, func(c *Config) { c.Origin = "https://payroll.example.com" })
	got := w.browser(laptop, "").login("ada", "river-stone-42")
	for _, c := range got.header.Values("Set-Cookie") {
		if !strings.HasPrefix(c, "__Host-") || !strings.Contains(c, "Secure") {
			t.Errorf("got %s", c)
		}
	}
}

func TestTooManyTriesHaveToWait(t *testing.T) {
	w := newTown(t)
	b := w.browser(laptop, "")
	for range 10 {
		b.login("ada", "wrong")
	}
	if got := b.login("ada", "river-stone-42"); got.status != 429 {
		t.Errorf("the eleventh: got %d, want 429", got.status)
	}
	w.pass(2 * time.Minute)
	if got := b.login("ada", "river-stone-42"); got.status != 303 {
		t.Errorf("after the minute: got %d, want 303", got.status)
	}
}

func TestFormsAndRedirectsOfOtherOriginsAreRefused(t *testing.T) {
	w := newTown(t)
	b := w.browser(laptop, "")
	for _, next := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "/\tevil"} {
		got := b.do("POST", "/login", url.Values{"name": {"ada"}, "password": {"river-stone-42"}, "next": {next}})
		if got.to != "/home" {
			t.Errorf("next %q: got %s", next, got.to)
		}
	}
	if got := b.do("POST", "/keys", url.Values{"name": {"x"}}, "Sec-Fetch-Site", "cross-site"); got.status != 403 {
		t.Errorf("a form of another origin: got %d, want 403", got.status)
	}
	if got := b.do("POST", "/logout", nil, "Sec-Fetch-Site", "", "Origin", "https://evil.example"); got.status != 403 {
		t.Errorf("a form of another origin in an old browser: got %d, want 403", got.status)
	}
}

func TestForwardedAddressesAreBelievedOnlyWhenAskedTo(t *testing.T) {
	for _, trust := range []bool{false, true} {
		a := &App{cfg: Config{TrustForwarded: trust}}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "192.0.2.1:4711"
		r.Header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.7")
		want := netip.MustParseAddr("192.0.2.1")
		if trust {
			want = netip.MustParseAddr("203.0.113.7")
		}
		if got := a.clientIP(r); got != want {
			t.Errorf("trust %v: got %v, want %v", trust, got, want)
		}
	}
}
