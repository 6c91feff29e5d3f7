package signin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
)

// visitor is a browser at the provider and back: it follows the redirects and keeps the cookies.
type visitor struct {
	t       *testing.T
	d       *Desk
	cookies []*http.Cookie
}

// start leaves for the provider, and returns the address it was sent back to.
func (v *visitor) start(next string) *url.URL {
	v.t.Helper()
	w := httptest.NewRecorder()
	to, err := v.d.Start(w, from(here, me), next)
	if err != nil {
		v.t.Fatal(err)
	}
	v.cookies = w.Result().Cookies()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(to)
	if err != nil {
		v.t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	defer resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusFound {
		v.t.Fatalf("the provider answered %s, %v", resp.Status, err)
	}
	return back
}

// back comes back from the provider.
func (v *visitor) back(query string) (Person, string, error) {
	r := from(here, me, v.cookies...)
	r.URL.Path, r.URL.RawQuery = "/oidc/callback", query
	w := httptest.NewRecorder()
	p, next, err := v.d.Callback(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == "riskd" {
			v.cookies = append(v.cookies, c)
		}
	}
	return p, next, err
}

func provided(t *testing.T, change func(*OIDCConfig)) (*mockoidc.MockOIDC, *visitor) {
	t.Helper()
	op, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = op.Shutdown(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	c := DefaultConfig()
	c.OIDC.Issuer, c.OIDC.ClientID, c.OIDC.URL = op.Issuer(), op.Config().ClientID, "http://"+here
	if err := c.OIDC.ClientSecret.Set(op.Config().ClientSecret); err != nil {
		t.Fatal(err)
	}
	c.OIDC.Scopes = append(c.OIDC.Scopes, "groups")
	c.OIDC.Viewers, c.OIDC.Analysts, c.OIDC.Admins = []string{"staff"}, []string{"soc"}, []string{"soc-leads"}
	if change != nil {
		change(&c.OIDC)
	}
	d, err := NewDesk(c, testKey)
	if err != nil {
		t.Fatal(err)
	}
	return op, &visitor{t: t, d: d}
}

func who(mail string, verified bool, groups ...string) *mockoidc.MockUser {
	return &mockoidc.MockUser{Subject: "sub-" + mail, Email: mail, EmailVerified: verified, PreferredUsername: "name-" + mail, Groups: groups}
}

func TestAProviderSignsPeopleInWithTheRoleOfTheirGroups(t *testing.T) {
	op, v := provided(t, nil)
	for _, c := range []struct {
		user *mockoidc.MockUser
		name string
		role Role
	}{
		{who("ann@example.com", true, "all", "soc"), "ann@example.com", Analyst},
		{who("eve@example.com", false, "staff", "soc-leads"), "name-eve@example.com", Admin}, // an address nobody verified names nobody
		{who("bob@example.com", true, "staff"), "bob@example.com", Viewer},
	} {
		op.QueueUser(c.user)
		back := v.start("/user?id=x")
		p, next, err := v.back(back.RawQuery)
		if err != nil || p.Name != c.name || p.Role != c.role || next != "/user?id=x" {
			t.Errorf("%+v, %q, %v; want %s as %s", p, next, err, c.name, c.role)
		}
		if again, err := v.d.Who(nil, from(here, me, v.cookies...)); err != nil || again.Name != c.name || again.Role != c.role {
			t.Errorf("with the cookie: %+v, %v", again, err)
		}
	}
	op.QueueUser(who("mallory@example.com", true, "guests"))
	if _, _, err := v.back(v.start("/").RawQuery); !errors.Is(err, ErrNoRole) {
		t.Errorf("without a group of ours: %v", err)
	}
}

func TestTheCodeFlowUsesPKCEAndItsAnswersBelongToOneAttempt(t *testing.T) {
	op, v := provided(t, nil)
	w := httptest.NewRecorder()
	to, err := v.d.Start(w, from(here, me), "/")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(to)
	q := u.Query()
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) < 40 || q.Get("state") == "" || q.Get("nonce") == "" ||
		q.Get("redirect_uri") != "http://"+here+"/oidc/callback" || !strings.Contains(q.Get("scope"), "openid") {
		t.Errorf("asked with %v", q)
	}
	if c := w.Result().Cookies()[0]; !c.HttpOnly || c.Path != "/oidc/" || strings.Contains(c.Value, q.Get("state")) {
		t.Errorf("the browser keeps %v", c)
	}

	op.QueueUser(who("ann@example.com", true, "soc"))
	back := v.start("/")
	cookies := v.cookies
	for name, query := range map[string]string{
		"another state": "code=" + back.Query().Get("code") + "&state=other", "a refusal": "error=access_denied&state=" + back.Query().Get("state"), "a made-up code": "code=guess&state=" + back.Query().Get("state"),
	} {
		if _, _, err := v.back(query); !errors.Is(err, ErrProvider) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.cookies = nil
	if _, _, err := v.back(back.RawQuery); !errors.Is(err, ErrProvider) {
		t.Errorf("in another browser: %v", err)
	}
	// A code that was stolen on the way is of no use without the verifier of its attempt.
	op.QueueUser(who("thief@example.com", true, "soc"))
	own := v.start("/")
	if _, _, err := v.back("code=" + back.Query().Get("code") + "&state=" + own.Query().Get("state")); !errors.Is(err, ErrProvider) {
		t.Errorf("another attempt's code: %v", err)
	}
	v.cookies = cookies
	v.d.SetClock(func() time.Time { return time.Now().Add(2 * tripTime) })
	if _, _, err := v.back(back.RawQuery); !errors.Is(err, ErrProvider) {
		t.Errorf("after too long: %v", err)
	}
}

func TestAProviderThatIsAwayIsAskedAgain(t *testing.T) {
	op, v := provided(t, nil)
	issuer := v.d.oidc.cfg.Issuer
	v.d.oidc.cfg.Issuer = "http://127.0.0.1:1"
	if _, err := v.d.Start(httptest.NewRecorder(), from(here, me), "/"); !errors.Is(err, ErrProvider) {
		t.Errorf("while it is away: %v", err)
	}
	v.d.oidc.cfg.Issuer = issuer
	op.QueueUser(who("ann@example.com", true, "soc"))
	if _, _, err := v.back(v.start("/").RawQuery); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestFaultsOfTheProvidersSettingsAreNamed(t *testing.T) {
	c := DefaultConfig()
	c.OIDC.Issuer, c.OIDC.URL = "http://provider.example", "ftp://x"
	err := c.Validate()
	for _, want := range []string{"oidc.issuer", "oidc.url", "client-id", "nobody would have a role"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	c = DefaultConfig()
	c.Idle, c.Absolute = time.Hour, time.Minute
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "console.idle") {
		t.Errorf("%v", err)
	}
}

func TestAClaimMayBeAWordOrAList(t *testing.T) {
	c := OIDCConfig{Viewers: []string{"*"}, Admins: []string{"root"}}
	for _, x := range []struct {
		claim any
		want  Role
	}{{"root", Admin}, {[]any{"a", "root"}, Admin}, {[]any{1, nil}, Viewer}, {nil, Viewer}, {map[string]any{"root": true}, Viewer}} {
		if got := c.role(x.claim); got != x.want {
			t.Errorf("%v: got %q, want %q", x.claim, got, x.want)
		}
	}
	if got := (OIDCConfig{Analysts: []string{"soc"}}).role("staff"); got != "" {
		t.Errorf("nobody's group gives %q", got)
	}
}
