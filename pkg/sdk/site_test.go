package sdk_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var returnKey = []byte("0123456789abcdef0123456789abcdef")

// site is an application with one session, protected by the SDK.
type site struct {
	t       testing.TB
	srv     *natstest.Server
	c       *sdk.Client
	mw      *sdk.Middleware
	session sdk.Session
	served  int
}

func newSite(t testing.TB, opts ...sdk.Option) *site {
	s := &site{t: t, srv: natstest.Start(t, 1)}
	s.c = client(t, s.srv.URL, append([]sdk.Option{sdk.WithNATSOptions(nats.ReconnectWait(20 * time.Millisecond))}, opts...)...)
	home := sdk.ContextOf(laptop, "d1")
	s.session = sdk.Session{ID: "s1", Context: home, Proofs: []sdk.Proof{{Context: home, ACR: "aal1", AMR: []string{"pwd"}, AuthTime: time.Now()}}}
	mw, err := s.c.Middleware(s.config())
	if err != nil {
		t.Fatal(err)
	}
	s.mw = mw
	if err := s.c.Guard().WaitReady(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) config() sdk.MiddlewareConfig {
	return sdk.MiddlewareConfig{
		StepUpURL: "/step-up", LoginURL: "/login", ReturnKey: returnKey,
		Identify: func(r *http.Request) (sdk.Identity, error) {
			switch r.Header.Get("Cookie") {
			case "":
				return sdk.Identity{}, sdk.ErrAnonymous
			case "broken":
				return sdk.Identity{}, errors.New("session store is down")
			}
			return sdk.Identity{
				User: sdk.User{ID: "u1"}, Session: s.session, Device: r.Header.Get("Device"), IP: netip.MustParseAddr("203.0.113.9"),
			}, nil
		},
	}
}

func ordinary() sdk.RouteConfig {
	return sdk.RouteConfig{
		Name: "GET /page", Action: "resource.read", Resource: sdk.Resource{Type: "page", ID: "page"},
		OnUnavailable: sdk.Deny, MaxStaleness: time.Second,
	}
}

func restricted() sdk.RouteConfig {
	r := ordinary()
	r.Name, r.RequireACR, r.MaxAge, r.Resource.Sensitivity = "GET /payroll", "aal2", 12*time.Hour, sdk.Restricted
	return r
}

// request as a browser of the owner makes it, until changed.
func request(change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest("GET", "https://app.example.com/page?month=11", nil)
	for k, v := range map[string]string{"Cookie": "session", "User-Agent": laptop, "Device": "d1", "Sec-Fetch-Mode": "navigate", "Accept": "text/html"} {
		r.Header.Set(k, v)
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func api(r *http.Request)   { r.Header.Set("Sec-Fetch-Mode", "cors") }
func thief(r *http.Request) { r.Header.Set("User-Agent", phone); r.Header.Del("Device") }

func (s *site) do(route sdk.RouteConfig, r *http.Request) *http.Response {
	s.t.Helper()
	protect, err := s.mw.Protect(route)
	if err != nil {
		s.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.served++
		if p, ok := sdk.PresenceOf(r.Context()); !ok || p.User.ID != "u1" {
			s.t.Errorf("presence in the handler: got %+v", p)
		}
		_, _ = w.Write([]byte("secret"))
	})).ServeHTTP(w, r)
	return w.Result()
}

// reported returns all events so far.
func (s *site) reported() []*riskdv1.Event {
	s.t.Helper()
	if err := s.c.Flush(within(s.t, 5*time.Second)); err != nil {
		s.t.Fatal(err)
	}
	n := s.srv.Stored(0)
	if n == 0 {
		return nil
	}
	events, _ := s.srv.Events(0, int(n))
	return events
}

func receiptsOf(events []*riskdv1.Event) (results []string) {
	for _, ev := range events {
		if ev.Type == sdk.TypeEnforcement {
			results = append(results, ev.Enforcement.Result)
		}
	}
	return results
}
