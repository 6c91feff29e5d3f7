package sdk_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	laptop = "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0"
	phone  = "Mozilla/5.0 (iPhone) Safari/605.1"
)

func TestARouteWithoutItsChoicesCannotBeBuilt(t *testing.T) {
	s := newSite(t)
	for want, change := range map[string]func(*sdk.RouteConfig){
		"on_unavailable is required": func(r *sdk.RouteConfig) { r.OnUnavailable = "" },
		"none of allow, deny":        func(r *sdk.RouteConfig) { r.OnUnavailable = "maybe" },
		"max_staleness is required":  func(r *sdk.RouteConfig) { r.MaxStaleness = 0 },
		"less than two heartbeats":   func(r *sdk.RouteConfig) { r.MaxStaleness = time.Millisecond },
		"name is required":           func(r *sdk.RouteConfig) { r.Name = "" },
		"action is required":         func(r *sdk.RouteConfig) { r.Action = "" },
		"require_acr":                func(r *sdk.RouteConfig) { r.RequireACR = "aal9" },
		"return_to":                  func(r *sdk.RouteConfig) { r.ReturnTo = "//evil.example" },
	} {
		route := ordinary()
		change(&route)
		if _, err := s.mw.Protect(route); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestAMiddlewareWithoutItsSettingsCannotBeBuilt(t *testing.T) {
	s := newSite(t)
	for want, change := range map[string]func(*sdk.MiddlewareConfig){
		"identify":    func(c *sdk.MiddlewareConfig) { c.Identify = nil },
		"step_up_url": func(c *sdk.MiddlewareConfig) { c.StepUpURL = "https://evil.example/" },
		"return_key":  func(c *sdk.MiddlewareConfig) { c.ReturnKey = []byte("short") },
		"login_url":   func(c *sdk.MiddlewareConfig) { c.LoginURL = "//evil.example" },
		"step_up_acr": func(c *sdk.MiddlewareConfig) { c.StepUpACR = "gold" },
	} {
		cfg := s.config()
		change(&cfg)
		if _, err := s.c.Middleware(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	http, err := sdk.New(source, sdk.WithGateway("http://127.0.0.1:1", "k"), sdk.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	defer http.Close(within(t, time.Second))
	if _, err := http.Middleware(s.config()); !errors.Is(err, sdk.ErrNoGuard) {
		t.Errorf("without NATS: got %v, want ErrNoGuard", err)
	}
}

func TestAClearSessionIsServedAndItsRequestReported(t *testing.T) {
	s := newSite(t)
	if got := s.do(ordinary(), request()).StatusCode; got != 200 || s.served != 1 {
		t.Fatalf("got status %d, served %d", got, s.served)
	}
	events := s.reported()
	if len(events) != 1 {
		t.Fatalf("got %v", events)
	}
	ev := events[0]
	if ev.Type != sdk.TypeActivity || ev.Action != "resource.read" || ev.Outcome != "success" || ev.Bytes != 6 || ev.Session.Id != "s1" ||
		ev.Session.Acr != "aal1" || ev.Network.Ip != "203.0.113.9" || ev.Device.Id != "d1" || ev.Http.UserAgent != laptop || ev.Resource.Id != "page" {
		t.Errorf("got %v", ev)
	}
}

func TestADeniedSessionGets403AndAReceiptPerInterval(t *testing.T) {
	s := newSite(t)
	sig := natstest.Required("acme", "s1", "ch_1", 2)
	sig.State = "denied"
	s.srv.Put(sig)
	eventually(t, s.c.Guard(), "s1", is(sdk.Denied))
	for range 5 {
		if got := s.do(ordinary(), request()).StatusCode; got != 403 {
			t.Fatalf("got %d, want 403", got)
		}
	}
	if got := receiptsOf(s.reported()); s.served != 0 || !slices.Equal(got, []string{"denied"}) {
		t.Errorf("served %d, receipts %v", s.served, got)
	}
	if got := s.c.Counters().Blocked; got != 5 {
		t.Errorf("blocked: got %d, want 5", got)
	}
}

func TestARevokedSessionIsEndedAndNotChallenged(t *testing.T) {
	for _, cause := range []string{"session_revoked", "feedback_revoke_session", "still_revoked", "stepup_failed"} {
		t.Run(cause, func(t *testing.T) {
			ended := []string{}
			s := newSite(t)
			cfg := s.config()
			cfg.EndSession = func(w http.ResponseWriter, _ *http.Request, p sdk.Presence) {
				ended = append(ended, p.SessionID)
				http.SetCookie(w, &http.Cookie{Name: "session", MaxAge: -1})
			}
			var err error
			if s.mw, err = s.c.Middleware(cfg); err != nil {
				t.Fatal(err)
			}
			sig := natstest.Required("acme", "s1", "ch_1", 2)
			sig.State, sig.Cause = "denied", cause
			s.srv.Put(sig)
			eventually(t, s.c.Guard(), "s1", is(sdk.Denied))
			res := s.do(ordinary(), request())
			if s.served != 0 {
				t.Error("the request was served")
			}
			if cause == "stepup_failed" {
				if res.StatusCode != 403 || len(ended) != 0 {
					t.Errorf("denied and not revoked: status %d, ended %v", res.StatusCode, ended)
				}
				return
			}
			if got := receiptsOf(s.reported()); res.StatusCode != 303 || !strings.HasPrefix(res.Header.Get("Location"), "/login") || !slices.Equal(ended, []string{"s1"}) ||
				len(res.Header["Set-Cookie"]) != 1 || !slices.Equal(got, []string{"denied"}) {
				t.Errorf("status %d to %q, ended %v, cookies %v, receipts %v", res.StatusCode, res.Header.Get("Location"), ended, res.Header["Set-Cookie"], got)
			}
		})
	}
}

func TestEachRouteChoosesWhatHappensWhenNobodyKnows(t *testing.T) {
	for _, c := range []struct {
		choice  sdk.OnUnavailable
		status  int
		receipt string
	}{{sdk.Allow, 200, "fail_open"}, {sdk.Deny, 503, "stale"}, {sdk.StepUp, 303, "shown"}} {
		t.Run(string(c.choice), func(t *testing.T) {
			s := newSite(t)
			s.srv.Stop()
			poll(t, "stale", func() bool { return s.c.Guard().Check("acme", "s1").Staleness() > 300*time.Millisecond })
			route := ordinary()
			route.OnUnavailable, route.MaxStaleness = c.choice, 250*time.Millisecond
			resp := s.do(route, request())
			if resp.StatusCode != c.status || (c.status == 503) != (resp.Header.Get("Retry-After") != "") {
				t.Errorf("got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
			}
			if c.choice == sdk.StepUp { // who proves themselves now may pass
				s.session.Proofs = append(s.session.Proofs, sdk.Proof{Context: s.session.Context, ACR: "aal2", AuthTime: time.Now()})
				if got := s.do(route, request()).StatusCode; got != 200 {
					t.Errorf("after proving: got %d, want 200", got)
				}
			}
			s.srv.Restart()
			if got := receiptsOf(s.reported()); len(got) == 0 || got[0] != c.receipt {
				t.Errorf("receipts: got %v, want %s", got, c.receipt)
			}
		})
	}
}

func TestAKnownFlagBlocksEvenWhereTheRouteFailsOpen(t *testing.T) {
	s := newSite(t)
	s.srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, s.c.Guard(), "s1", is(sdk.Required))
	s.srv.Stop()
	poll(t, "stale", func() bool { return s.c.Guard().Check("acme", "s1").Staleness() > 300*time.Millisecond })
	route := ordinary()
	route.OnUnavailable, route.MaxStaleness = sdk.Allow, 250*time.Millisecond
	if got := s.do(route, request()).StatusCode; got != 303 || s.served != 0 {
		t.Errorf("got %d, served %d", got, s.served)
	}
	s.srv.Restart()
}

func TestADemandForRestrictedDataLetsOrdinaryPagesBe(t *testing.T) {
	s := newSite(t)
	sig := natstest.Required("acme", "s1", "ch_1", 1)
	sig.Scope = &riskdv1.Scope{Sensitivity: "restricted"}
	s.srv.Put(sig)
	eventually(t, s.c.Guard(), "s1", is(sdk.Required))
	if got := s.do(ordinary(), request()).StatusCode; got != 200 || s.served != 1 {
		t.Errorf("an ordinary page: got %d, served %d", got, s.served)
	}
	res := s.do(restricted(), request())
	if to, _ := url.Parse(res.Header.Get("Location")); res.StatusCode != 303 || to.Query().Get("c") != "ch_1" || s.served != 1 {
		t.Errorf("payroll: got %d to %s, served %d", res.StatusCode, to, s.served)
	}
}
