package story_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

func reader(t *testing.T) *story.Reader {
	t.Helper()
	r, err := story.New(story.DefaultConfig(), storytest.Load(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var day = storytest.Now.Truncate(24 * time.Hour)

func events(ds []story.Decision) []string {
	out := []string{}
	for _, d := range ds {
		out = append(out, d.EventID)
	}
	return out
}

func TestTheFeedIsNewestFirstAndFilters(t *testing.T) {
	r := reader(t)
	for _, c := range []struct {
		name string
		f    story.LiveFilter
		want []string
	}{
		{"the last three", story.LiveFilter{Limit: 3}, []string{"ev-0022", "ev-0021", "ev-<xss>"}},
		{"a user", story.LiveFilter{User: "bob", Limit: 2}, []string{"ev-0005", "ev-0004"}},
		{"denials", story.LiveFilter{Action: "deny"}, []string{"ev-0013", "ev-0012", "ch_carol:expired"}},
		{"from a country", story.LiveFilter{Country: "FR"}, []string{"ev-0018"}},
		{"a level of a user", story.LiveFilter{Level: "high", User: "carol"}, []string{"ch_carol:expired", "ev-0018"}},
		{"an action", story.LiveFilter{Kind: "resource.export"}, []string{"ev-0017", "ev-0014"}},
		{"a least risk", story.LiveFilter{MinRisk: 99.995}, []string{"ev-0013", "ev-0012", "ev-0011", "ev-0010"}},
		{"another tenant", story.LiveFilter{Tenant: "other"}, []string{}},
		{"a name that is SQL", story.LiveFilter{User: `x' OR '1'='1`}, []string{}},
		{"a name of odd bytes", story.LiveFilter{User: "a\tb\n\\'\x00\"{x:String}"}, []string{}},
	} {
		got, err := r.Live(t.Context(), c.f, storytest.Now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !slices.Equal(events(got), c.want) {
			t.Errorf("%s: got %q, want %q", c.name, events(got), c.want)
		}
	}
}

func TestADecisionComesBackWhole(t *testing.T) {
	r := reader(t)
	ds, err := r.Decision(t.Context(), "acme", "ev-0008")
	if err != nil || len(ds) != 1 {
		t.Fatalf("%d decisions, %v", len(ds), err)
	}
	d := ds[0]
	if d.User != "ada" || d.Session != "s-ada-1~9f3a2c41" || d.Action != "step_up" || d.Rule != "restricted_resource" || d.ResourceID != "payroll-2026" ||
		d.Origin.IP.String() != "202.32.115.5" || d.Origin.Network != "hosting" || d.Latency != 28*time.Millisecond || !d.Time.Equal(day.Add(12*time.Hour+24*time.Minute)) {
		t.Errorf("%+v", d)
	}
	if !story.AddsUp(d.Risk, d.Parts) {
		t.Errorf("the parts do not add up to %v", d.Risk)
	}
	travel := d.Parts[slices.IndexFunc(d.Parts, func(p decision.Part) bool { return p.Code == "impossible_travel" })]
	want := []decision.Detail{{Key: "verdict", Text: "impossible", IsText: true}, {Key: "km", Number: 9559.4}, {Key: "km_lower", Number: 9480.2}}
	if !slices.Equal(travel.Detail[:3], want) {
		t.Errorf("details %v, want them in their order: %v", travel.Detail[:3], want)
	}
	if _, err := r.Decision(t.Context(), "acme", "none"); !errors.Is(err, story.ErrNotFound) {
		t.Errorf("an unknown event: %v", err)
	}
	if _, err := r.Decision(t.Context(), "other", "ev-0008"); !errors.Is(err, story.ErrNotFound) {
		t.Errorf("another tenant's event: %v", err)
	}
}

func TestEveryGoldenRiskAddsUp(t *testing.T) {
	r := reader(t)
	ds, err := r.Live(t.Context(), story.LiveFilter{}, storytest.Now)
	if err != nil || len(ds) != 22 {
		t.Fatalf("%d decisions, %v", len(ds), err)
	}
	for _, d := range ds {
		steps := story.Waterfall(d.Parts)
		if last := steps[len(steps)-1]; !story.AddsUp(d.Risk, d.Parts) || last.Risk != d.Risk {
			t.Errorf("%s: risk %v, its waterfall ends at %v", d.EventID, d.Risk, last.Risk)
		}
	}
}

func TestAUserIsToldByPlacesDevicesAndSessions(t *testing.T) {
	r := reader(t)
	u, err := r.User(t.Context(), "acme", "ada", day)
	if err != nil {
		t.Fatal(err)
	}
	if u.Events != 12 || u.Sessions != 2 || u.Addresses != 2 || u.Kind != "person" {
		t.Errorf("%+v", u)
	}
	if len(u.Recent) != 2 || u.Recent[0].Session != "s-ada-1" || u.Recent[1].State != "denied" || u.Recent[1].WorstLevel != "high" {
		t.Errorf("sessions %+v", u.Recent)
	}
	if len(u.Places) != 2 || u.Places[0].City != "London" || len(u.Devices) != 2 || u.Devices[0].ID != "d-ada-7c1f" {
		t.Errorf("places %+v, devices %+v", u.Places, u.Devices)
	}
	if len(u.Challenges) != 2 || len(u.Riskiest) == 0 || u.Riskiest[0].EventID != "ev-0008" {
		t.Errorf("challenges %+v, riskiest %q", u.Challenges, events(u.Riskiest))
	}
	if _, err := r.User(t.Context(), "acme", "ada", storytest.Now); !errors.Is(err, story.ErrNotFound) {
		t.Errorf("since now: %v", err)
	}
}

func TestTheOverviewCountsEverythingOnce(t *testing.T) {
	r := reader(t)
	o, err := r.Overview(t.Context(), "", 24*time.Hour, storytest.Now)
	if err != nil {
		t.Fatal(err)
	}
	if o.Decisions != 22 || o.Accepted != 28 || o.Scored != 22 || o.Duplicate != 2 || o.Late != 1 || o.Dead != 3 {
		t.Errorf("%+v", o)
	}
	if want := (story.Funnel{Raised: 3, Satisfied: 1, Denied: 1, Expired: 1}); o.Funnel != want {
		t.Errorf("funnel %+v, want %+v", o.Funnel, want)
	}
	if o.Receipts["shown"] != 2 || o.Receipts["denied"] != 1 || o.Results["failed"] != 3 || o.Results["completed"] != 1 || o.Results["abandoned"] != 1 {
		t.Errorf("receipts %v, results %v", o.Receipts, o.Results)
	}
	if o.Latency != [3]time.Duration{28 * time.Millisecond, 28 * time.Millisecond, 28 * time.Millisecond} {
		t.Errorf("latency %v", o.Latency)
	}
	var sum uint64
	for i, b := range o.Series {
		sum += b.Decisions
		if i > 0 && b.T.Sub(o.Series[i-1].T) != o.Step {
			t.Errorf("step %d is %v, want %v", i, b.T.Sub(o.Series[i-1].T), o.Step)
		}
	}
	if sum != 22 || len(o.Series) < 60 {
		t.Errorf("the series has %d steps and counts %d", len(o.Series), sum)
	}
	quiet, err := r.Overview(t.Context(), "acme", time.Second, storytest.Now)
	if err != nil || quiet.Decisions != 0 || !quiet.LastDecided.IsZero() || quiet.Latency[0] != 0 {
		t.Errorf("a quiet second: %+v, %v", quiet, err)
	}
}

func TestChallengesStandWhereTheLastRevisionSays(t *testing.T) {
	r := reader(t)
	cs, err := r.Challenges(t.Context(), story.ChallengeFilter{Since: day})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cs {
		got = append(got, c.ID+" "+c.State+" "+c.LastCause)
		if c.Decision == nil || c.Decision.EventID != c.EventID {
			t.Errorf("%s: without the decision that raised it", c.ID)
		}
	}
	want := []string{"ch_owner satisfied stepup_completed", "ch_tokyo denied stepup_failed", "ch_carol expired stepup_abandoned"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if cs, err := r.Challenges(t.Context(), story.ChallengeFilter{Since: day, State: "denied"}); err != nil || len(cs) != 1 || cs[0].ID != "ch_tokyo" {
		t.Errorf("denied ones: %+v, %v", cs, err)
	}
}

func TestDeadLettersSayWhy(t *testing.T) {
	r := reader(t)
	ds, err := r.DeadLetters(t.Context(), "", "", day, 0)
	if err != nil || len(ds) != 3 || ds[0].Raw != "xxx" || ds[0].RawBytes != 3 || ds[0].Input != 902 {
		t.Errorf("%+v, %v", ds, err)
	}
	rs, err := r.DeadReasons(t.Context(), "", day)
	if err != nil || len(rs) != 2 || rs[0].Reason != "malformed" || rs[0].Messages != 2 {
		t.Errorf("%+v, %v", rs, err)
	}
}

func TestFindKnowsUsersSessionsEventsAndChallenges(t *testing.T) {
	r := reader(t)
	for q, want := range map[string]story.Found{
		"ada":       {Kind: "user", Tenant: "acme", ID: "ada"},
		"s-carol-9": {Kind: "session", Tenant: "acme", ID: "s-carol-9"},
		"ev-0008":   {Kind: "event", Tenant: "acme", ID: "ev-0008"},
		"ch_tokyo":  {Kind: "challenge", Tenant: "acme", ID: "s-ada-1~9f3a2c41"},
	} {
		got, err := r.Find(t.Context(), q)
		if err != nil || len(got) != 1 || got[0].Kind != want.Kind || got[0].Tenant != want.Tenant || got[0].ID != want.ID {
			t.Errorf("%s: %+v, %v; want %+v", q, got, err, want)
		}
	}
}

// The questions are for other hands too (Grafana, riskctl): each has a comment and parses with its parameters.
func TestEveryQuestionSaysWhatItAnswersAndHasOnlyNamedParameters(t *testing.T) {
	conn := storytest.Empty(t)
	for _, name := range story.Names() {
		text, err := story.Question(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) < 10 || text[:3] != "-- " {
			t.Errorf("%s does not begin with what it answers", name)
		}
		args := []any{}
		for k, v := range map[string]any{"tenant": "t", "user": "u", "session": "s", "event": "e", "action": "", "level": "", "country": "", "kind": "", "min_risk": 0.5,
			"limit": uint32(1), "minutes": uint32(10), "ip": "1.2.3.4", "device": "d", "asn": uint32(1), "new": "", "rule": "", "state": "", "reason": "", "q": "x", "step": uint32(60), "events": []string{"a'b"}, "keys": []string{"1.2.3"}, "actor": "",
			"since": "2026-01-01 00:00:00.000", "until": "2026-01-01 01:00:00.000", "from": "2026-01-01 00:00:00.000", "to": "2026-01-01 00:00:00.000"} {
			args = append(args, clickhouse.Named(k, v))
		}
		rows, err := conn.Query(t.Context(), text, args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for rows.Next() {
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rows.Close()
	}
	if _, err := story.Question("nonsense"); err == nil {
		t.Error("an unknown question has a text")
	}
}
