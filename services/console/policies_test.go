package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/policylog/policylogtest"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/services/console/api"
)

// recited plays a few events of three users, each from a place of its own.
type recited struct{}

func (recited) Backtest(ctx context.Context, f *rules.File, _ bool, cfg backtest.Config) (*backtest.Report, error) {
	live, err := rules.NewEngine(nil, baseline.Default())
	if err == nil {
		cfg.Live = live
		cfg.New, err = rules.NewEngine([]*rules.File{f}, baseline.Default())
	}
	if err != nil {
		return nil, err
	}
	return backtest.Run(ctx, cfg, func(_ context.Context, hand func(backtest.Item) error) error {
		for n := range 90 {
			at := storytest.Now.Add(time.Duration(n-90) * time.Hour).UnixMilli()
			ev := &riskdv1.Event{Id: fmt.Sprint("b", n), Source: "//t", Type: "dev.riskd.activity.v1", TimeMs: at, TenantId: "acme", User: &riskdv1.User{Id: fmt.Sprint("u", n%3)},
				Session: &riskdv1.Session{Id: fmt.Sprint("s", n/30, "-", n%3)}, Action: "data.export", Outcome: "success"}
			if err := hand(backtest.Item{Event: ev, Enrichment: &riskdv1.Enrichment{ReceivedMs: at}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestPoliciesAreWrittenTriedAndPutInForceBySignedInPeople(t *testing.T) {
	d := open(t, storytest.Load(t))
	d.policies, d.trials = policylog.NewBook(new(policylogtest.Memory)), recited{}
	t.Cleanup(d.endTrial)
	analyst, analystToken := d.as(signin.Analyst)
	admin, adminToken := d.as(signin.Admin)
	viewer, viewerToken := d.as(signin.Viewer)
	post := func(path string, v any, who *http.Cookie, token string) reply {
		t.Helper()
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return d.do("POST", path, string(b), who, withToken(token))
	}
	want := func(r reply, code int, text string) {
		t.Helper()
		if r.code != code || !strings.Contains(r.body, text) {
			t.Fatalf("got %d %s, want %d with %q", r.code, r.body, code, text)
		}
	}
	text := "id: mine\nrules:\n  - {name: exports, when: event.action.endsWith(\".export\"), then: {step_up: {max_age: 1h}}}\n"
	want(post("/api/policies", api.PolicyDeed{Do: "push", Text: text, Reason: "new"}, viewer, viewerToken), 403, "analyst")
	want(post("/api/policies", api.PolicyDeed{Do: "push", Text: "id: mine\nrule: 3\n", Reason: "new"}, analyst, analystToken), 400, "did you mean rules?")
	want(post("/api/policies", api.PolicyDeed{Do: "push", Text: text}, analyst, analystToken), 400, "reason")
	r := post("/api/policies", api.PolicyDeed{Do: "push", Text: text, Reason: "new"}, analyst, analystToken)
	want(r, 200, `"author":"analyst@acme"`)
	var c api.PolicyChange
	if err := json.Unmarshal([]byte(r.body), &c); err != nil {
		t.Fatal(err)
	}

	// Tried, with a number set.
	want(d.do("GET", "/api/backtest", "", viewer), 200, `"state":"none"`)
	want(post("/api/backtest", api.Trial{Text: text, Values: map[string]float64{"thresholds.step_up": 5}}, analyst, analystToken), 400, "refused")
	want(post("/api/backtest", api.Trial{Text: text, Values: map[string]float64{"thresholds.step_up": 45}}, analyst, analystToken), 200, `"state":"running"`)
	var got api.Trying
	for range 200 {
		if err := json.Unmarshal([]byte(d.do("GET", "/api/backtest", "", viewer).body), &got); err != nil {
			t.Fatal(err)
		}
		if got.State != "running" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got.State != "done" || got.Report.Events != 90 || got.Report.New.Prompts == 0 || got.Report.Live.Prompts != 0 || len(got.Report.Newly) == 0 ||
		got.Report.Rules[0].Rule != "exports" || !strings.Contains(got.Text, "step_up: 45") || got.By != "analyst@acme" {
		t.Fatalf("got %+v, report %+v", got, got.Report)
	}

	activate := api.PolicyDeed{Do: "activate", Version: c.Version, Share: 25, Reason: "go"}
	want(post("/api/policies", activate, analyst, analystToken), 403, "admin")
	want(post("/api/policies", activate, admin, adminToken), 200, `"share":25`)
	want(post("/api/policies", activate, admin, adminToken), 409, "in force already")
	want(d.do("GET", "/api/policies", "", viewer), 200, `"share":25`)
	want(post("/api/policies", api.PolicyDeed{Do: "push", Text: strings.Replace(text, "1h", "2h", 1), Reason: "longer"}, analyst, analystToken), 200, "mine@")
	var all api.Policies
	if err := json.Unmarshal([]byte(d.do("GET", "/api/policies", "", viewer).body), &all); err != nil || len(all.Versions) != 2 {
		t.Fatalf("%v, %+v", err, all)
	}
	want(d.do("GET", "/api/policy?version="+all.Versions[0].Version, "", viewer), 200, `{"kind":"old","text":"  - {name: exports, when: event.action.endsWith(\".export\"), then: {step_up: {max_age: 1h}}}"}`)
	want(d.do("GET", "/api/policy?version=none@1", "", viewer), 404, "no such version")
	want(post("/api/policies", api.PolicyDeed{Do: "rollback", Reason: "no"}, admin, adminToken), 200, "rolled_back")
}

func TestTheReliabilityCurveComparesRiskWithWhatTurnedOut(t *testing.T) {
	d := open(t, storytest.Load(t))
	viewer, _ := d.as(signin.Viewer)
	r := d.do("GET", "/api/calibration?window=90d", "", viewer)
	var c api.Calibration
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.code != http.StatusOK {
		t.Fatalf("%d %v %s", r.code, err, r.body)
	}
	known, attacks := int64(0), int64(0)
	for _, s := range c.Steps {
		known += s.Known
		attacks += s.Attacks
		if s.Said < float64(s.From) || s.Said > float64(s.From)+10 || s.ByChallenge+s.ByLabel != s.Known {
			t.Errorf("%+v", s)
		}
	}
	if known != 2 || attacks != 1 { // the golden world: one challenge passed, one denied, one expired
		t.Errorf("%d known, %d attacks: %+v", known, attacks, c.Steps)
	}
}
