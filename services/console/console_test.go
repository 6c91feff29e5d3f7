package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	"github.com/riskd-io/riskd/services/console/api"
)

func TestQuestionsAreAnsweredInWords(t *testing.T) {
	d := open(t, storytest.Load(t))
	viewer, _ := d.as(signin.Viewer)
	for _, c := range []struct {
		name, path string
		want       []string
	}{
		{"the overview", "/api/overview?window=24h", []string{`"decisions":22`, `"accepted":28`, `"user":"ada"`, "London, GB to Tokyo, JP: 9,480 km at least in 24 minutes"}},
		{"the live feed", "/api/live", []string{`"user":"bob"`, `"user":"carol"`, `"lastDecided":"2026-11-20T`}},
		{"a filtered feed", "/api/live?action=deny&user=ada", []string{"failed the challenge"}},
		{"step-ups", "/api/stepups", []string{`"id":"ch_tokyo"`, "a restricted resource needs a second factor", "first time from FR", "nobody answered", `"raised":3`}},
		{"the thief's session", link("/api/session", "tenant", "acme", "id", "s-ada-1~9f3a2c41"), []string{
			"Step-up required: London, GB to Tokyo", "An attempt at the challenge failed: wrong code (3 times)", "The session was denied: too many failed attempts",
			"The app kept it out at /payroll", "Impossible travel", "Session changed hands", `"addsUp":true`, "202.32.115.5",
			`"from":"London, GB","to":"Tokyo, JP"`, `"radiusKm":50`}},
		{"the owner's session", link("/api/session", "tenant", "acme", "id", "s-ada-1"), []string{"The step-up was satisfied", "exported report payroll-2026"}},
		{"a session with a late event", link("/api/session", "tenant", "acme", "id", "s-dave-1"), []string{`"lateAction":"`}},
		{"a user", link("/api/user", "tenant", "acme", "id", "ada"), []string{"London, GB", "Tokyo, JP", "Firefox on Windows", "Chrome on Linux", "s-ada-1~9f3a2c41"}},
		{"a decision", link("/api/decision", "tenant", "acme", "event", "ev-0008"), []string{"no device token came, though 1 device of the user is known", "default@3f2a91c0", `"key":"3.`, `"key":"km_lower","value":"94`}},
		{"dead letters", "/api/dead", []string{"malformed", "future_time", `\\u{0}`}},
		{"one reason of them", "/api/dead?reason=malformed", []string{"unexpected end at byte 17"}},
		{"health", "/api/health", []string{`"dead":3`, `{"partition":3,"waiting":2,"unwritten":9,"persisted":null}`, `"reason":"malformed"`}},
		{"who shares an address", link("/api/investigate", "by", "ip", "value", "91.64.12.8"), []string{"bob", "dave", "s-bob-1"}},
		{"who shares a device", link("/api/investigate", "by", "device", "value", "d-ada-7c1f"), []string{"ada"}},
		{"who shares a network", link("/api/investigate", "by", "asn", "value", "as3215"), []string{"carol"}},
		{"nobody", link("/api/investigate", "by", "ip", "value", "192.0.2.1"), []string{`"seen":[]`}},
		{"funnel and fatigue", "/api/fatigue", []string{"a restricted resource needs a second factor", "2026-11-16T00:00:00.000Z", "0.3333", "no_receipt", "carol"}},
		{"rules", "/api/rules", []string{`"rule":"restricted_resource"`, `"title":"Impossible travel"`}},
		{"notices", "/api/notices", []string{`"user":"carol"`, `"did":"exported report payroll-2026"`, `"words":"Payroll left the house."`, `"policy":"default@3f2a91c0"`, `"rule":"payroll_export","notices":2,"users":1`}},
		{"notices of one rule", "/api/notices?rule=night_login&user=carol", []string{`"notices":[{"key":"1:2:0"`, `"decision":"step_up"`, `"rules":[{"rule":"night_login","notices":1`}},
		{"no notices", "/api/notices?user=nobody", []string{`"notices":[],"rules":[]`}},
		{"a search", "/api/find?q=ch_tokyo", []string{`"kind":"challenge"`, "s-ada-1~9f3a2c41"}},
		{"a search without an answer", "/api/find?q=nobody", []string{"[]"}},
	} {
		r := d.do("GET", c.path, "", viewer)
		if r.code != http.StatusOK {
			t.Errorf("%s: %d %s", c.name, r.code, r.body)
		}
		body := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(r.body)
		for _, w := range c.want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: %q is not in %.900s", c.name, w, body)
			}
		}
	}
	if err := d.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func TestTheWaterfallEndsAtTheStoredRiskExactly(t *testing.T) {
	d := open(t, storytest.Load(t))
	viewer, _ := d.as(signin.Viewer)
	var st api.SessionStory
	if err := json.Unmarshal([]byte(d.do("GET", link("/api/session", "tenant", "acme", "id", "s-ada-1~9f3a2c41"), "", viewer).body), &st); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range st.Entries {
		if e.Decision == nil {
			continue
		}
		seen++
		last := e.Decision.Steps[len(e.Decision.Steps)-1]
		if last.Risk != e.Decision.Risk || !e.Decision.AddsUp {
			t.Errorf("%s: the parts end at %v, the risk is %v", e.Decision.EventID, last.Risk, e.Decision.Risk)
		}
		before := 0.0
		for _, s := range e.Decision.Steps {
			if s.Before != before {
				t.Errorf("%s, %s: begins at %v, the one before ended at %v", e.Decision.EventID, s.Code, s.Before, before)
			}
			before = s.After
		}
	}
	if seen == 0 {
		t.Error("no decision was looked at")
	}
}

// nullList is a list that is null on the wire; only moments and decisions may be.
var nullList = regexp.MustCompile(`"(tenants|rows|challenges|users|causes|weeks|most|gaps|rules|evidence|lags|reasons|letters|seen|series|entries|notices)":null|^null`)

func TestAnEmptyDatabaseHasAnswersToo(t *testing.T) {
	d := open(t, storytest.Empty(t))
	admin, _ := d.as(signin.Admin)
	for _, path := range []string{"/api/overview", "/api/live", "/api/stepups", "/api/fatigue", "/api/rules", "/api/notices", "/api/health", "/api/dead", "/api/find?q=x", "/api/investigate"} {
		if r := d.do("GET", path, "", admin); r.code != http.StatusOK || nullList.MatchString(r.body) {
			t.Errorf("%s: %d %s", path, r.code, r.body)
		}
	}
	for _, path := range []string{"/api/session?tenant=acme&id=none", "/api/user?tenant=acme&id=none", "/api/decision?tenant=acme&event=none", "/api/nonsense"} {
		if r := d.do("GET", path, "", admin); r.code != http.StatusNotFound || !strings.Contains(r.body, "not_found") {
			t.Errorf("%s: %d %s, want 404", path, r.code, r.body)
		}
	}
	for path, why := range map[string]string{"/api/find?q=" + strings.Repeat("x", maxQuery+1): "longer", link("/api/investigate", "by", "ip", "value", "<b>"): "is no IP address"} {
		if r := d.do("GET", path, "", admin); r.code != http.StatusBadRequest || !strings.Contains(r.body, why) {
			t.Errorf("%.60s: %d %s", path, r.code, r.body)
		}
	}
}

func TestWhenClickHouseIsAwayTheAnswerSaysSoAndComesBack(t *testing.T) {
	d := open(t, storytest.Load(t))
	viewer, _ := d.as(signin.Viewer)
	away := &failing{Stories: d.stories, err: errors.New("dial tcp 127.0.0.1:8123: connection refused")}
	d.stories = away
	r := d.do("GET", "/api/live", "", viewer)
	if r.code != http.StatusServiceUnavailable || !strings.Contains(r.body, `"code":"away"`) || !strings.Contains(r.body, "connection refused") {
		t.Errorf("%d: %.200s", r.code, r.body)
	}
	if err := d.Ready(); err == nil {
		t.Error("ready without ClickHouse")
	}
	away.err = nil
	if r := d.do("GET", "/api/live", "", viewer); r.code != http.StatusOK || d.Ready() != nil {
		t.Errorf("when it is back: %d, %v", r.code, d.Ready())
	}
}

// failing answers with an error as long as it has one.
type failing struct {
	Stories
	err error
}

func (a *failing) Live(ctx context.Context, f story.LiveFilter, now time.Time) ([]story.Decision, error) {
	if a.err != nil {
		return nil, a.err
	}
	return a.Stories.Live(ctx, f, now)
}

func TestItServesStreamsAndStops(t *testing.T) {
	d := open(t, storytest.Load(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	cookie, _ := d.as(signin.Viewer)
	req, _ := http.NewRequest("GET", "http://"+d.Addr()+"/api/live/stream?user=bob", nil)
	req.AddCookie(cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	n, err := io.ReadAtLeast(resp.Body, buf, 200)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "event: tick\ndata: {\"rows\":[{") || !strings.Contains(got, `"user":"bob"`) || strings.Contains(got, `"user":"ada"`) {
		t.Errorf("%v: %.300s", err, got)
	}
	begin := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("an open stream held up the stop for %v", took)
	}
	http.DefaultClient.CloseIdleConnections()
}
