package payroll

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// town is the app on a real broker; flags are put by hand.
type town struct {
	t      *testing.T
	app    *App
	broker *natstest.Broker
	flags  *natsjs.Flags
	web    *httptest.Server
	seq    uint64
	down   bool // the broker, on purpose

	mu sync.Mutex
	at time.Time // the app's clock, for TOTP steps
}

func newTown(t *testing.T, change ...func(*Config)) *town {
	broker := natstest.Start(t, 1)
	cfg := DefaultConfig()
	cfg.NATSURL, cfg.Origin = broker.URL(), "http://localhost:8490"
	for _, c := range change {
		c(&cfg)
	}
	app, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, app: app, broker: broker, web: httptest.NewServer(app.Handler()), at: time.Now()}
	app.flagWait = 100 * time.Millisecond // nobody raises a flag here but the test
	app.now = func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.at }
	t.Cleanup(func() {
		w.web.Close()
		if err := app.Close(w.within(5 * time.Second)); err != nil && !w.down {
			t.Error(err)
		}
	})
	if w.flags, err = natsjs.OpenFlags(t.Context(), broker.JS); err != nil {
		t.Fatal(err)
	}
	if err := app.risk.Guard().WaitReady(w.within(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return w
}

// pass lets the app's clock run on.
func (w *town) pass(d time.Duration) { w.mu.Lock(); w.at = w.at.Add(d); w.mu.Unlock() }

func (w *town) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	w.t.Cleanup(cancel)
	return ctx
}

// put changes a session's flag as riskd would.
func (w *town) put(session, challenge, state string, revision uint64) {
	w.t.Helper()
	w.seq++
	sig := &riskdv1.Signal{
		ChallengeId: challenge, Revision: revision, TenantId: "northwind", UserId: "ada", SessionId: session, State: state,
		Require:    &riskdv1.Requirement{AcrValues: []string{"aal2"}},
		IssuedAtMs: time.Now().UnixMilli(), ExpiresAtMs: time.Now().Add(time.Hour).UnixMilli(), ReasonUser: "Please confirm it is you.",
	}
	if _, err := w.flags.Apply(w.t.Context(), sig, broker.Position{Partition: 0, Seq: w.seq}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) wait(session string, state sdk.State) {
	w.t.Helper()
	if _, err := w.app.risk.Guard().Wait(w.within(5*time.Second), "northwind", session, func(v sdk.Verdict) bool { return v.State == state }); err != nil {
		w.t.Fatal(err)
	}
}

// events returns what the app has reported so far.
func (w *town) events() []*riskdv1.Event {
	w.t.Helper()
	ctx := w.within(10 * time.Second)
	if err := w.app.risk.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	st, err := w.broker.JS.Stream(ctx, subject.EventsStream(0))
	if err != nil {
		w.t.Fatal(err)
	}
	var out []*riskdv1.Event
	for seq := uint64(1); seq <= st.CachedInfo().State.LastSeq; seq++ {
		m, err := st.GetMsg(ctx, seq)
		if err != nil {
			w.t.Fatal(err)
		}
		ev := new(riskdv1.Event)
		if err := ev.UnmarshalVT(m.Data); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, ev)
	}
	return out
}

// browser is one browser with its cookies; it does not follow redirects.
type browser struct {
	*town
	agent string
	jar   http.CookieJar
	ip    string
}

func (w *town) browser(agent, ip string) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{town: w, agent: agent, jar: jar, ip: ip}
}

type page struct {
	status int
	to     string // Location
	text   string
	header http.Header
}

func (b *browser) do(method, path string, form url.Values, header ...string) page {
	b.t.Helper()
	req, err := http.NewRequest(method, b.web.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("User-Agent", b.agent)
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("X-Forwarded-For", b.ip)
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := http.Client{Jar: b.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return page{resp.StatusCode, resp.Header.Get("Location"), string(text), resp.Header}
}

func (b *browser) get(path string) page { b.t.Helper(); return b.do("GET", path, nil) }

func (b *browser) login(name, password string) page {
	b.t.Helper()
	return b.do("POST", "/login", url.Values{"name": {name}, "password": {password}})
}

// code is what the person's authenticator app shows.
func (w *town) code(id string) string {
	code, err := totp.GenerateCode(w.app.people[id].secret, w.at)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

const laptop, phone = "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0", "Mozilla/5.0 (iPhone) Safari/605"

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
