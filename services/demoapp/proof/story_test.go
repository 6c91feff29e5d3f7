//go:build integration

package proof

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/sdk"
)

const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"

// TestAStolenSessionIsStoppedAndItsOwnerIsNot is the whole road, in real browsers: Ada works in London; her
// session cookie turns up in Singapore, in another browser; it is asked for a proof before it reads the salaries,
// cannot give one, and is shut out, while Ada goes on and is asked once, for the salaries. All of it is in
// ClickHouse under the two challenges' ids.
func TestAStolenSessionIsStoppedAndItsOwnerIsNot(t *testing.T) {
	chromium(t)
	h := build(t)
	london, singapore := h.addressIn("London", "GB"), h.addressIn("Singapore", "SG")
	t.Logf("the owner is at %v in London, the thief at %v in Singapore", london, singapore)
	const laptopToken = "adas-laptop-token"
	h.pastWeeks("ada", laptopToken, london)

	// Ada logs in and works. Nobody asks her anything.
	ada := open(t, h.site, desktop, london.String())
	codes := &wheel{secret: h.secrets["ada"]}
	ada.visit("/login")
	ada.setCookie("device", laptopToken)
	ada.submit(`form[action="/login"]`, "name", "ada", "password", "river-stone-42")
	ada.at("/home")
	ada.sees("Good to see you, Ada Marsh")
	for _, page := range []string{"/keys", "/account", "/home"} {
		if code, at := ada.visit(page); code != 200 || at != page {
			t.Fatalf("the owner at work: %s gave %d at %s", page, code, at)
		}
	}
	ada.shot("proof-1-owner-at-work")

	// Moments later the cookie is in Singapore.
	thief := open(t, h.site, iphone, singapore.String())
	thief.visit("/login")
	thief.setCookie("session", ada.cookie("session"))
	stolen := time.Now()
	var at string
	h.until("the stolen session is questioned on an everyday page", 15*time.Second, func() bool {
		_, at = thief.visit("/home")
		return strings.HasPrefix(at, "/step-up?")
	})
	t.Logf("from the first request of the stolen session to its challenge: %v", time.Since(stolen).Round(time.Millisecond))
	_, at = thief.visit("/payroll")
	if !strings.HasPrefix(at, "/step-up?") || strings.Contains(thief.text(), "Lindqvist") {
		t.Fatalf("the thief wants the salaries and is at %s: %.200q", at, thief.text())
	}
	theft := challengeIn(t, at)
	thief.sees("confirm it is you")
	thief.shot("proof-2-thief-challenged")

	// Ada notices nothing.
	if code, at := ada.visit("/home"); code != 200 || at != "/home" {
		t.Errorf("the owner during the theft: got %d at %s", code, at)
	}

	// The thief guesses.
	for i, code := range []string{"123456", "000000", "314159"} {
		got := thief.submit(`form[action^="/step-up?"]`, "code", code)
		if want := []int{422, 422, 403}[i]; got != want {
			t.Errorf("wrong code %d: got %d, want %d", i+1, got, want)
		}
		if i == 0 {
			thief.shot("proof-3-thief-wrong-code")
		}
	}
	thief.sees("This session is closed")
	thief.shot("proof-4-thief-denied")
	for _, page := range []string{"/payroll", "/payroll/export.csv", "/home"} {
		if code, _ := thief.visit(page); code != 403 || strings.Contains(thief.text(), "Lindqvist") {
			t.Errorf("the thief afterwards: %s gave %d: %.100q", page, code, thief.text())
		}
	}

	// Ada wants the salaries, and is asked: once.
	var owner string
	for _, page := range []string{"/home", "/payroll", "/payroll", "/home", "/keys"} {
		_, at := ada.visit(page)
		if strings.HasPrefix(at, "/step-up?") {
			if owner != "" {
				t.Fatalf("the owner is asked again, for %s", page)
			}
			owner = challengeIn(t, at)
			ada.shot("proof-5-owner-challenged")
			ada.submit(`form[action^="/step-up?"]`, "code", codes.next(t))
			ada.at(page)
			ada.sees("Esther Lindqvist")
			ada.shot("proof-5-owner-payroll")
			at = ada.path()
		}
		if at != page {
			t.Errorf("the owner wants %s and is at %s", page, at)
		}
	}
	if owner == "" {
		t.Fatal("the owner read the salaries without a second factor")
	}
	csv := js[string](ada, `fetch("/payroll/export.csv").then(r => r.text())`)
	if !strings.Contains(csv, "Esther Lindqvist,Designer,5610.00,3741.20") {
		t.Errorf("the owner's export: got %.200q", csv)
	}
	if got := ada.submit(`form[action="/keys"]`, "name", "accounting-export"); got != 200 { // the proof is fresh enough
		t.Errorf("the owner's new key: got %d", got)
	}
	ada.sees("nw_")
	ada.shot("proof-6-owner-new-key")

	h.recorded(theft, owner, singapore)
}

// pastWeeks gives a person three weeks of ordinary working days, reported over HTTP to the gateway.
func (h *house) pastWeeks(user, device string, ip netip.Addr) {
	h.t.Helper()
	c, err := sdk.New("//northwind/apps/payroll", sdk.WithGateway(h.gateway, h.apiKey()), sdk.WithTenant("northwind"))
	if err != nil {
		h.t.Fatal(err)
	}
	n := uint64(0)
	for day := 21; day >= 1; day-- {
		at := time.Now().AddDate(0, 0, -day)
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			continue
		}
		session := fmt.Sprintf("s_past_%02d", day)
		for i, action := range []string{"auth.login", "resource.read", "resource.read", "auth.logout"} {
			_, err := c.Report(sdk.Event{
				Time: at.Add(time.Duration(i) * 7 * time.Minute), User: sdk.User{ID: user}, Device: device, IP: ip, UserAgent: desktop,
				Session: sdk.EventSession{ID: session, AuthTime: at, ACR: "aal1", AMR: []string{"pwd"}}, Action: action,
				Resource: sdk.Resource{Type: "page", ID: "home", Sensitivity: sdk.Internal}, Outcome: sdk.OutcomeSuccess,
			})
			if err != nil {
				h.t.Fatal(err)
			}
			n++
		}
	}
	if err := c.Close(within(h.t, 20*time.Second)); err != nil {
		h.t.Fatal(err)
	}
	if k := c.Counters(); k.Acknowledged != n || k.Refused != 0 {
		h.t.Fatalf("the gateway took %d of %d events: %+v", k.Acknowledged, n, k)
	}
}

// recorded looks for the whole story in ClickHouse.
func (h *house) recorded(theft, owner string, thief netip.Addr) {
	t := h.t
	t.Helper()
	told := func(challenge string) (decisions []map[string]any, states, receipts, results []string) {
		decisions = h.rows("SELECT session_id, event_action, ip, risk, level, rule, parts.code AS codes FROM features WHERE challenge_id = '%s' ORDER BY ts, seq, idx", challenge)
		states = column(h.rows("SELECT state FROM signals WHERE challenge_id = '%s' ORDER BY revision", challenge), "state")
		receipts = column(h.rows("SELECT result FROM enforcement WHERE challenge_id = '%s' AND kind = 'receipt' ORDER BY ts, seq, idx", challenge), "result")
		results = column(h.rows("SELECT kind FROM enforcement WHERE challenge_id = '%s' AND kind != 'receipt' ORDER BY ts, seq, idx", challenge), "kind")
		return decisions, states, receipts, results
	}
	last := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return list[len(list)-1]
	}
	// One user's events keep their order: the last thing Ada did is the last to arrive.
	h.until("the end of the story is in ClickHouse", time.Minute, func() bool {
		return len(h.rows("SELECT 1 FROM enforcement WHERE challenge_id = '%s' AND result = 'allowed' AND route = 'POST /keys'", owner)) == 1 &&
			len(h.rows("SELECT 1 FROM features WHERE event_action = 'apikey.create' AND outcome = 'success'")) == 1
	})

	decisions, states, receipts, results := told(theft)
	t.Logf("theft %s: %d decisions, signals %v, receipts %v, results %v", theft, len(decisions), states, receipts, results)
	if len(decisions) == 0 || states[0] != "required" || last(states) != "denied" {
		t.Fatalf("theft: decisions %v, signals %v", decisions, states)
	}
	first := decisions[0]
	if session := fmt.Sprint(first["session_id"]); !strings.Contains(session, "~") {
		t.Errorf("theft: the owner's session %s was challenged instead of the thief's branch", session)
	}
	if got := fmt.Sprint(first["ip"]); got != "::ffff:"+thief.String() {
		t.Errorf("theft: from %s, want %v", got, thief)
	}
	if got := fmt.Sprint(first["codes"]); !strings.Contains(got, "impossible_travel") || first["level"] != "high" {
		t.Errorf("theft: level %v for %s", first["level"], got)
	}
	if !slices.Contains(receipts, "shown") || !slices.Contains(receipts, "denied") || slices.Contains(receipts, "allowed") || slices.Contains(receipts, "passed") {
		t.Errorf("theft: receipts %v", receipts)
	}
	if want := []string{"started", "failed", "failed", "failed"}; !slices.Equal(results, want) {
		t.Errorf("theft: results %v, want %v", results, want)
	}

	decisions, states, receipts, results = told(owner)
	t.Logf("owner %s: %d decisions, signals %v, receipts %v, results %v", owner, len(decisions), states, receipts, results)
	if len(decisions) == 0 || !slices.Equal(states, []string{"required", "satisfied"}) {
		t.Fatalf("owner: decisions %v, signals %v", decisions, states)
	}
	if rule := decisions[0]["rule"]; rule != policy.RuleRestricted || strings.Contains(fmt.Sprint(decisions[0]["session_id"]), "~") {
		t.Errorf("owner: rule %v, session %v", rule, decisions[0]["session_id"])
	}
	for _, want := range []string{"shown", "passed", "allowed"} {
		if !slices.Contains(receipts, want) {
			t.Errorf("owner: receipts %v lack %s", receipts, want)
		}
	}
	if want := []string{"started", "completed"}; !slices.Equal(results, want) {
		t.Errorf("owner: results %v, want %v", results, want)
	}
	exports := h.rows("SELECT route FROM enforcement WHERE challenge_id = '%s' AND result = 'allowed' AND route = 'GET /payroll/export.csv'", owner)
	if len(exports) != 1 {
		t.Errorf("owner: %d exports were allowed under the challenge, want 1", len(exports))
	}
	for _, r := range h.rows("SELECT result, count() AS n FROM enforcement WHERE result IN ('fail_open', 'stale') GROUP BY result") {
		t.Errorf("%v receipts of %v: the guard was not current", r["n"], r["result"])
	}
}
