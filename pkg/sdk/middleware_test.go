package sdk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
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

func TestAnApiClientGetsTheChallengeOfRFC9470(t *testing.T) {
	s := newSite(t)
	s.srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, s.c.Guard(), "s1", is(sdk.Required))
	resp := s.do(ordinary(), request(api))
	if resp.StatusCode != 401 || s.served != 0 {
		t.Fatalf("got status %d, served %d", resp.StatusCode, s.served)
	}
	const want = `Bearer error="insufficient_user_authentication", error_description="A stronger sign-in is needed", acr_values="aal2", max_age="0"`
	if got := resp.Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("got %s", got)
	}
	if ct, cc := resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"); ct != "application/problem+json" || cc != "no-store" {
		t.Errorf("got %s, %s", ct, cc)
	}
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if body["type"] != sdk.ProblemStepUp || body["challenge_id"] != "ch_1" || body["status"] != 401.0 || body["detail"] != "Please confirm it is you." || body["max_age"] != 0.0 {
		t.Errorf("got %v", body)
	}
	for key, value := range body { // the flag says 97.25, high, impossible_travel
		if text := strings.ToLower(fmt.Sprint(key, value)); strings.Contains(text, "97") && key == "score" || strings.Contains(text, "travel") || strings.Contains(text, "risk\"") {
			t.Errorf("the client is told %s: %v", key, value)
		}
	}
	if _, told := body["risk"]; told {
		t.Error("the client is told the risk")
	}
	if got := receiptsOf(s.reported()); !slices.Equal(got, []string{"shown"}) {
		t.Errorf("receipts: got %v, want shown", got)
	}
}

func TestABrowserIsSentToTheStepUpPageAndBack(t *testing.T) {
	s := newSite(t)
	s.srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, s.c.Guard(), "s1", is(sdk.Required))
	resp := s.do(ordinary(), request())
	to, err := url.Parse(resp.Header.Get("Location"))
	if resp.StatusCode != 303 || err != nil || to.Path != "/step-up" || to.Query().Get("c") != "ch_1" {
		t.Fatalf("got %d to %s", resp.StatusCode, to)
	}
	ch, err := s.mw.StepUp(within(t, time.Second), request(func(r *http.Request) { r.URL = to }))
	if err != nil {
		t.Fatal(err)
	}
	if ch.ID != "ch_1" || ch.ReturnTo != "/page?month=11" || ch.Want.ACR[0] != "aal2" {
		t.Errorf("got %+v", ch)
	}
	for name, change := range map[string]func(*http.Request){
		"altered":             func(r *http.Request) { r.URL.RawQuery = strings.Replace(to.RawQuery, "t=e", "t=f", 1) },
		"of another session":  func(r *http.Request) { r.URL = to; s.session.ID = "s2" },
		"of nobody logged in": func(r *http.Request) { r.URL = to; r.Header.Del("Cookie") },
	} {
		s.srv.Delete("acme", "s1")
		eventually(t, s.c.Guard(), "s1", is(sdk.Clear))
		if _, err := s.mw.StepUp(within(t, 50*time.Millisecond), request(change)); err == nil {
			t.Errorf("a ticket %s was accepted", name)
		}
		s.session.ID = "s1"
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

func TestARestrictedRouteBlocksBeforeRiskdKnowsAndPredictsTheChallenge(t *testing.T) {
	s := newSite(t)
	var ids []string
	for range 3 { // a page with three requests
		to, _ := url.Parse(s.do(restricted(), request()).Header.Get("Location"))
		ids = append(ids, to.Query().Get("c"))
	}
	if s.served != 0 || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Fatalf("served %d, challenges %v", s.served, ids)
	}
	events := s.reported()
	var attempts []*riskdv1.Event
	for _, ev := range events {
		if ev.Type == sdk.TypeActivity {
			attempts = append(attempts, ev)
		}
	}
	if len(attempts) != 1 || attempts[0].Outcome != "challenged" || attempts[0].Resource.Sensitivity != "restricted" {
		t.Fatalf("attempts: got %v", attempts)
	}
	if want := subject.ChallengeID("acme", "s1", source, attempts[0].Id); ids[0] != want {
		t.Errorf("challenge: got %s, want %s", ids[0], want)
	}
	if got := receiptsOf(events); !slices.Equal(got, []string{"shown"}) {
		t.Errorf("receipts: got %v", got)
	}
}

func TestAnOpenChallengeOfTheSessionWinsOverThePredictedOne(t *testing.T) {
	s := newSite(t)
	to, _ := url.Parse(s.do(restricted(), request()).Header.Get("Location"))
	var put sync.WaitGroup
	put.Go(func() { time.Sleep(50 * time.Millisecond); s.srv.Put(natstest.Required("acme", "s1", "ch_open", 1)) })
	defer put.Wait() // the guard may know of it before the server has answered
	ch, err := s.mw.StepUp(within(t, 5*time.Second), request(func(r *http.Request) { r.URL = to }))
	if err != nil || ch.ID != "ch_open" || ch.ReturnTo != "/page?month=11" {
		t.Errorf("got %+v, %v", ch, err)
	}
}

func TestAProofOpensTheRestrictedRouteForItsOwnBrowserOnly(t *testing.T) {
	s := newSite(t)
	to, _ := url.Parse(s.do(restricted(), request()).Header.Get("Location"))
	ch, err := s.mw.StepUp(within(t, 50*time.Millisecond), request(func(r *http.Request) { r.URL = to }))
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Started(); err != nil {
		t.Fatal(err)
	}
	proof, err := ch.Completed(sdk.Proof{ACR: "aal2", AMR: []string{"pwd", "otp"}})
	if err != nil {
		t.Fatal(err)
	}
	s.session.Proofs = append(s.session.Proofs, proof)
	if got := s.do(restricted(), request()).StatusCode; got != 200 {
		t.Errorf("the owner: got %d, want 200", got)
	}
	if got := s.do(restricted(), request(thief)).StatusCode; got != 303 || s.served != 1 {
		t.Errorf("the same cookie in another browser: got %d, served %d", got, s.served)
	}
	events := s.reported()
	if got := receiptsOf(events); !slices.Equal(got, []string{"shown", "passed", "allowed", "shown"}) {
		t.Errorf("receipts: got %v", got)
	}
	for _, ev := range events {
		if ev.Type == sdk.TypeStepUpCompleted && (ev.ChallengeId != ch.ID || ev.Session.Acr != "aal2" || ev.Session.AuthTimeMs == 0 || ev.Session.Id != "s1") {
			t.Errorf("completed: got %v", ev)
		}
		if ev.Type == sdk.TypeEnforcement && ev.Enforcement.Result == "allowed" && ev.ChallengeId != ch.ID {
			t.Errorf("allowed under %q, want %q", ev.ChallengeId, ch.ID)
		}
	}
	old := restricted()
	old.MaxAge = time.Nanosecond
	if got := s.do(old, request()).StatusCode; got != 303 {
		t.Errorf("a proof too old for the route: got %d, want 303", got)
	}
}
