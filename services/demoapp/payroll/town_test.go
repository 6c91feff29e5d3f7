package payroll

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
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
