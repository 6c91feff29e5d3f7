package sdk_test

import (
	"encoding/json"
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
