package payroll

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestThePayrollAsksForASecondFactorOnceAndTheExportNotAgain(t *testing.T) {
	w := newTown(t)
	b := w.browser(laptop, "")
	b.login("ada", "river-stone-42")
	got := b.get("/payroll")
	if got.status != 303 || !strings.HasPrefix(got.to, "/step-up?c=ch_") {
		t.Fatalf("got %d to %s", got.status, got.to)
	}
	stepUp := got.to
	if page := b.get(stepUp); page.status != 200 || !strings.Contains(page.text, "authenticator app") {
		t.Fatalf("the step-up page: got %d", page.status)
	}
	if page := b.do("POST", stepUp, url.Values{"code": {w.code("ada")}}); page.status != 303 || page.to != "/payroll" {
		t.Fatalf("the right code: got %d to %s", page.status, page.to)
	}
	if page := b.get("/payroll"); page.status != 200 || !strings.Contains(page.text, "Dmitri Vance") {
		t.Errorf("payroll: got %d", page.status)
	}
	if page := b.get("/payroll/export.csv"); page.status != 200 || !strings.Contains(page.text, "Chloé Duval,People partner,5880.00,3899.40") {
		t.Errorf("export: got %d %s", page.status, page.text)
	}
	challenge, _ := url.Parse(stepUp)
	id := challenge.Query().Get("c")
	var story []string
	for _, ev := range w.events() {
		if ev.ChallengeId == id {
			story = append(story, ev.Action)
		}
	}
	if got, want := strings.Join(story, " "), "enforcement.shown stepup.started stepup.completed enforcement.passed enforcement.allowed enforcement.allowed"; got != want {
		t.Errorf("under the challenge: got %s, want %s", got, want)
	}
}

func TestACodeCountsOnce(t *testing.T) {
	w := newTown(t)
	code := w.code("ada")
	for i, want := range []int{303, 422} {
		b := w.browser(laptop, "")
		b.login("ada", "river-stone-42")
		if got := b.do("POST", b.get("/payroll").to, url.Values{"code": {code}}).status; got != want {
			t.Errorf("use %d: got %d, want %d", i+1, got, want)
		}
	}
}

func TestADeniedSessionIsShownTheDoor(t *testing.T) {
	w := newTown(t)
	w.app.flagWait = 5 * time.Second
	b := w.browser(laptop, "")
	b.login("ada", "river-stone-42")
	session := w.events()[0].Session.Id
	w.put(session, "ch_1", "required", 1)
	w.wait(session, sdk.Required)
	to := b.get("/home").to
	if !strings.HasPrefix(to, "/step-up?c=ch_1&") {
		t.Fatalf("got %s", to)
	}
	var riskd sync.WaitGroup
	riskd.Go(func() { time.Sleep(100 * time.Millisecond); w.put(session, "ch_1", "denied", 2) }) // it counts the tries
	if got := b.do("POST", to, url.Values{"code": {"000000"}}); got.status != 403 || !strings.Contains(got.text, "session is closed") {
		t.Errorf("the last wrong code: got %d", got.status)
	}
	riskd.Wait()
	if got := b.get("/home"); got.status != 403 {
		t.Errorf("home: got %d, want 403", got.status)
	}
	if got := b.do("POST", "/logout", nil); got.status != 303 {
		t.Errorf("signing out: got %d, want 303", got.status)
	}
}

func TestTheThiefOfACookieHasTheirOwnFlagAndNotTheOwners(t *testing.T) {
	w := newTown(t, func(c *Config) { c.TrustForwarded = true })
	owner := w.browser(laptop, "203.0.113.7")
	owner.login("ada", "river-stone-42")
	if got := owner.do("POST", owner.get("/payroll").to, url.Values{"code": {w.code("ada")}}).to; got != "/payroll" {
		t.Fatalf("the owner's step-up: got %s", got)
	}
	thief := w.browser(phone, "198.51.100.9")
	site, _ := url.Parse(w.web.URL)
	for _, c := range owner.jar.Cookies(site) {
		if c.Name == "session" {
			thief.jar.SetCookies(site, []*http.Cookie{c})
		}
	}
	if got := thief.get("/payroll"); got.status != 303 || strings.Contains(got.text, "Dmitri") {
		t.Errorf("the thief: got %d", got.status)
	}
	if got := owner.get("/payroll"); got.status != 200 {
		t.Errorf("the owner: got %d", got.status)
	}
	var branch *riskdv1.Event
	for _, ev := range w.events() {
		if ev.GetNetwork().GetIp() == "198.51.100.9" {
			branch = ev
		}
	}
	if branch == nil || branch.Attributes["session_of"] == "" || branch.Session.Acr != "" {
		t.Errorf("got %v", branch)
	}
}

func TestANewKeyAsksForAFreshSecondFactor(t *testing.T) {
	w := newTown(t)
	b := w.browser(laptop, "")
	b.login("ada", "river-stone-42")
	form := url.Values{"name": {"accounting"}}
	to := b.do("POST", "/keys", form).to
	if got := b.do("POST", to, url.Values{"code": {w.code("ada")}}).to; got != "/keys" {
		t.Fatalf("after the step-up: got %s", got)
	}
	if got := b.do("POST", "/keys", form); got.status != 303 || got.to != "/keys" {
		t.Fatalf("creating: got %d to %s", got.status, got.to)
	}
	if got := b.get("/keys"); !strings.Contains(got.text, "not shown again: nw_") {
		t.Error("the key is not shown")
	}
	w.pass(6 * time.Minute)
	if got := b.do("POST", "/keys", form); !strings.HasPrefix(got.to, "/step-up") || w.app.keys.keys[0].By != "Ada Marsh" || len(w.app.keys.keys) != 1 {
		t.Errorf("six minutes later: got %d to %s", got.status, got.to)
	}
}

func TestTheFirstAuthenticatorIsEnrolledFromAFreshLogin(t *testing.T) {
	w := newTown(t)
	b := w.browser(laptop, "")
	b.login("chloe", "quiet-harbour-19")
	if got := b.do("POST", b.get("/payroll").to, url.Values{"code": {"000000"}}); !strings.Contains(got.text, "no second factor") {
		t.Errorf("without a factor: got %d", got.status)
	}
	got := b.get("/account/authenticator")
	secret := regexp.MustCompile(`class="secret">([A-Z2-7]+)<`).FindStringSubmatch(got.text)
	if got.status != 200 || secret == nil || !strings.Contains(got.text, "data:image/png;base64,") {
		t.Fatalf("the QR page: got %d", got.status)
	}
	w.app.people["chloe"].secret = secret[1] // to compute the code, and taken back
	code := w.code("chloe")
	w.app.people["chloe"].secret = ""
	if got := b.do("POST", "/account/authenticator", url.Values{"code": {"000000"}}); got.status != 422 {
		t.Errorf("a wrong first code: got %d, want 422", got.status)
	}
	if got := b.do("POST", "/account/authenticator", url.Values{"code": {code}}); got.to != "/account" {
		t.Fatalf("the first code: got %d to %s", got.status, got.to)
	}
	if got := b.get("/account/authenticator"); !strings.HasPrefix(got.to, "/step-up") {
		t.Errorf("the second enrolment without proof: got %d to %s", got.status, got.to)
	}
	if got := b.get("/account"); !strings.Contains(got.text, "Your authenticator is ready.") {
		t.Error("nothing was said")
	}
}

func TestPagesHoldTogetherWithoutRiskd(t *testing.T) {
	w := newTown(t, func(c *Config) { c.MaxStaleness = 2 * time.Second })
	b := w.browser(laptop, "")
	b.login("ada", "river-stone-42")
	w.broker.Stop()
	w.down = true
	deadline := time.Now().Add(15 * time.Second)
	for w.app.risk.Guard().Check("northwind", "x").Staleness() < 2*time.Second {
		if time.Now().After(deadline) {
			t.Fatal("the guard did not become stale")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := b.get("/home"); got.status != 200 {
		t.Errorf("an everyday page: got %d, want 200", got.status)
	}
	w.pass(time.Since(w.at)) // to the real time: the guard's silence is real
	to := b.get("/payroll").to
	if got := b.do("POST", to, url.Values{"code": {w.code("ada")}}); got.to != "/payroll" {
		t.Fatalf("the step-up: got %d to %s", got.status, got.to)
	}
	if got := b.get("/payroll"); got.status != 200 {
		t.Errorf("the payroll after a local proof: got %d, want 200", got.status)
	}
	if got := b.do("POST", "/keys", url.Values{"name": {"x"}}); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("a critical change: got %d, want 503", got.status)
	}
}
