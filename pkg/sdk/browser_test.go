package sdk_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
)

func TestAnotherBrowserWithTheSameCookieIsABranchAndItsFlagNotTheOwners(t *testing.T) {
	s := newSite(t)
	s.do(ordinary(), request(thief))
	events := s.reported()
	branch := events[0].Session.Id
	if !strings.HasPrefix(branch, "s1~") || len(branch) != len("s1~")+8 || events[0].Attributes["session_of"] != "s1" || events[0].Session.Acr != "" {
		t.Fatalf("got %v", events[0])
	}
	s.srv.Put(natstest.Required("acme", branch, "ch_1", 1))
	eventually(t, s.c.Guard(), branch, is(sdk.Required))
	if got := s.do(ordinary(), request(thief)).StatusCode; got != 303 {
		t.Errorf("the thief: got %d, want 303", got)
	}
	if got := s.do(ordinary(), request()).StatusCode; got != 200 {
		t.Errorf("the owner: got %d, want 200", got)
	}
	newer := request()
	newer.Header.Set("User-Agent", strings.ReplaceAll(laptop, "126", "127"))
	if got := s.do(ordinary(), newer).StatusCode; got != 200 {
		t.Errorf("the owner after an update of the browser: got %d, want 200", got)
	}
}

func TestChangingTheBrowserDoesNotShakeOffAFlag(t *testing.T) {
	s := newSite(t)
	s.srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, s.c.Guard(), "s1", is(sdk.Required))
	if got := s.do(ordinary(), request(thief)).StatusCode; got != 303 || s.served != 0 {
		t.Errorf("required: got %d, served %d", got, s.served)
	}
	sig := natstest.Required("acme", "s1", "ch_1", 2)
	sig.State = "denied"
	s.srv.Put(sig)
	eventually(t, s.c.Guard(), "s1", is(sdk.Denied))
	if got := s.do(ordinary(), request(thief)).StatusCode; got != 403 {
		t.Errorf("denied: got %d, want 403", got)
	}
}

func TestWhoIsNotLoggedInIsSentToLogIn(t *testing.T) {
	s := newSite(t)
	anonymous := func(r *http.Request) { r.Header.Del("Cookie") }
	if resp := s.do(ordinary(), request(anonymous)); resp.StatusCode != 303 || resp.Header.Get("Location") != "/login?next=%2Fpage%3Fmonth%3D11" {
		t.Errorf("browser: got %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp := s.do(ordinary(), request(api, anonymous)); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("api: got %d", resp.StatusCode)
	}
	if resp := s.do(ordinary(), request(api, func(r *http.Request) { r.Header.Set("Cookie", "broken") })); resp.StatusCode != 503 || s.served != 0 {
		t.Errorf("a session store that is down: got %d, served %d", resp.StatusCode, s.served)
	}
}

func TestAnInterruptedFormReturnsToItsPageAndNowhereElse(t *testing.T) {
	s := newSite(t)
	post := func(referer string) string {
		r := request(func(r *http.Request) { r.Method = "POST"; r.Header.Set("Referer", referer) })
		to, _ := url.Parse(s.do(restricted(), r).Header.Get("Location"))
		ch, err := s.mw.StepUp(within(t, 20*time.Millisecond), request(func(r *http.Request) { r.URL = to }))
		if err != nil {
			t.Fatal(err)
		}
		return ch.ReturnTo
	}
	for referer, want := range map[string]string{
		"https://app.example.com/keys?x=1": "/keys?x=1", "https://evil.example/keys": "/", "": "/", "https://app.example.com//evil.example": "/",
	} {
		if got := post(referer); got != want {
			t.Errorf("from %q: got %q, want %q", referer, got, want)
		}
	}
}

func TestAHandlerThatPanicsOrFailsIsReportedAsItEnded(t *testing.T) {
	s := newSite(t)
	protect := s.mw.MustProtect(ordinary())
	for _, c := range []struct {
		want    string
		handler http.HandlerFunc
	}{
		{"failure", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
		{"denied", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }},
		{"success", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(204) }},
	} {
		func() {
			defer func() { _ = recover() }()
			protect(c.handler).ServeHTTP(httptest.NewRecorder(), request())
		}()
		events := s.reported()
		if got := events[len(events)-1].Outcome; got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
