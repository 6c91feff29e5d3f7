package story_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// flat writes chosen columns of a table, a line per row.
func flat(t *testing.T, tab story.Table, columns ...string) string {
	t.Helper()
	var lines []string
	for _, row := range tab.Rows {
		var cells []string
		for _, c := range columns {
			i := tab.Column(c)
			if i < 0 {
				t.Fatalf("no column %q in %q", c, tab.Columns)
			}
			v := row[i]
			if at, ok := v.(time.Time); ok {
				v = at.UTC().Format("15:04:05")
			}
			cells = append(cells, fmt.Sprint(v))
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "\n")
}

// What the golden world answers. Columns that only repeat others are left out.
var answers = []struct {
	name    string
	given   map[string]string
	columns []string
	want    string
}{
	{"enforcement_gaps", nil, []string{"kind", "challenge", "user", "at", "event", "what"}, "no_receipt ch_carol carol 02:11:00 ev-0018 expired"},
	{"evidence", nil, []string{"code", "hits", "step_ups", "denies"}, "new_network 8 5 3\nunknown_device 8 5 3\nhosting_network 6 4 2\nimpossible_travel 6 4 2\nnew_agent 6 4 2\nsession_switch 6 4 2\nfailed_challenge 4 2 2\nunusual_hour 2 1 1\na_code_of_tomorrow 1 0 0\nburst 1 0 0\nfailures_before 1 0 0\nunusual_volume 1 0 0"},
	{"funnel", nil, []string{"cause", "asked", "shown", "satisfied", "denied", "expired", "open", "failed_attempts", "seconds_to_answer"}, "restricted_resource 2 2 1 1 0 0 3 30\nnew_network 1 0 0 0 1 0 0 0"},
	{"most_asked", nil, []string{"user", "asked", "satisfied", "denied", "expired", "last"}, "ada 2 1 1 0 12:30:00\ncarol 1 0 0 1 02:11:00"},
	{"new_places", map[string]string{"new": "country"}, []string{"user", "event", "new", "country", "city", "worst"}, "ada ev-0008 country JP Tokyo 99.99\ncarol ev-0018 country FR Paris 62.64"},
	{"prompts_per_user", nil, []string{"week", "active_users", "asked_users", "challenges", "honest", "per_user_and_week", "most_of_one_user"}, "00:00:00 6 2 3 2 0.3333 1"},
	{"rule_hits", nil, []string{"rule", "tried_only", "decisions", "users", "step_ups", "denies"}, "restricted_resource false 3 1 3 0"},
	{"time_to_flag", nil, []string{"flags", "flag_p50_ms", "shown_p50_s", "answered_p50_s"}, "3 28 1 30"},
	{"timeline", map[string]string{"step": "14400"}, []string{"at", "decisions", "step_ups", "denies", "high"}, "00:00:00 2 1 1 2\n08:00:00 5 0 0 0\n12:00:00 15 6 2 6"},
	{"top_users", map[string]string{"limit": "3"}, []string{"user", "decisions", "asked", "denied", "worst", "places"}, "ada 8 6 2 100 [GB JP]\ncarol 2 1 1 62.64 [FR]"},
	{"users_of_ip", map[string]string{"ip": "202.32.115.5"}, []string{"user", "decisions", "sessions", "worst", "step_ups", "denies"}, "ada 6 1 100 4 2"},
	{"users_of_ip", map[string]string{"ip": "91.64.12.8"}, []string{"user", "decisions"}, "LONG 1\ndave 1\nbob 5"},
	{"users_of_device", map[string]string{"device": "d-ada-7c1f"}, []string{"user", "decisions", "sessions", "addresses"}, "LONG 1 1 1\nada 6 1 1"},
	{"session_places", map[string]string{"tenant": "acme", "session": "s-ada-1~9f3a2c41"}, []string{"city", "country", "radius_km", "events", "networks"}, "Tokyo JP 50 6 [NTT Communications]"},
	{"user_places", map[string]string{"tenant": "acme", "user": "ada"}, []string{"city", "radius_km", "events", "sessions"}, "London 10 6 1\nTokyo 50 6 1"},
	{"session_bounds", map[string]string{"tenant": "acme", "session": "s-ada-1~9f3a2c41"}, []string{"users", "first_event"}, "[ada] 12:24:00"},
	{"users_of_asn", map[string]string{"asn": "31334"}, []string{"user", "decisions"}, "LONG 1\ndave 1\nbob 5"},
	{"calibration", nil, []string{"risk_from", "known", "attacks", "by_challenge", "by_label"}, "0 1 0 1 0\n90 1 1 1 0"},
	{"notices", map[string]string{"user": "ada"}, []string{"at", "user", "event", "action", "resource_id", "rule", "policy", "decision"}, "12:30:35 ada ev-0017 resource.export payroll-2026 payroll_export default@3f2a91c0 allow\n12:30:00 ada ev-0014 resource.export payroll-2026 payroll_export default@3f2a91c0 step_up"},
	{"notices", map[string]string{"rule": "night_login"}, []string{"at", "user", "event"}, "02:11:00 carol ev-0018"},
	{"notices_by_rule", map[string]string{"limit": "2"}, []string{"rule", "notices", "users", "last"}, "payroll_export 2 1 12:30:35\na_rule_whose_name_goes_on_and_on_until_nobody_remembers_how_it_began 1 1 13:05:00"},
	{"tenants", nil, []string{"tenant", "decisions"}, "acme 22"},
}

func TestQuestionsAnswerTheGoldenWorld(t *testing.T) {
	r := reader(t)
	for _, c := range answers {
		tab, err := r.Ask(t.Context(), c.name, c.given, storytest.Now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := strings.ReplaceAll(flat(t, tab, c.columns...), storytest.LongUser, "LONG"); got != c.want {
			t.Errorf("%s %v:\n got %q\nwant %q", c.name, c.given, got, c.want)
		}
	}
}

func TestAskNamesWrongParameters(t *testing.T) {
	r := reader(t)
	for _, c := range []struct {
		name  string
		given map[string]string
		want  string
	}{
		{"users_of_ip", nil, "needs ip"},
		{"tenants", map[string]string{"nonsense": "1"}, `none named "nonsense"`},
		{"timeline", map[string]string{"since": "yesterday"}, "neither a moment"},
		{"timeline", map[string]string{"step": "-3"}, "not a whole number"},
		{"session_summary", map[string]string{"tenant": "acme"}, "needs session"},
	} {
		if _, err := r.Ask(t.Context(), c.name, c.given, storytest.Now); !errors.Is(err, story.ErrParameter) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, want %q", c.name, c.given, err, c.want)
		}
	}
	for _, since := range []string{"7d", "168h", "2026-11-13T14:15:30Z", "2026-11-13 14:15:30", "2026-11-13"} {
		if tab, err := r.Ask(t.Context(), "rule_hits", map[string]string{"since": since}, storytest.Now); err != nil || len(tab.Rows) == 0 {
			t.Errorf("since %s: %d rows, %v", since, len(tab.Rows), err)
		}
	}
}

func TestEveryQuestionCanBeAskedByName(t *testing.T) {
	r := reader(t)
	about := map[string]string{"tenant": "acme", "session": "s-ada-1", "user": "ada", "event": "ev-0008", "events": "ev-0008,ev-0009", "q": "ada", "ip": "202.32.115.5", "device": "d", "asn": "3215", "keys": "3.4.0,3.5.0"}
	for _, name := range story.Names() {
		params, err := story.Parameters(name)
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]string{}
		for _, p := range params {
			if v, ok := about[p.Name]; ok {
				given[p.Name] = v
			}
		}
		if _, err := r.Ask(t.Context(), name, given, storytest.Now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if story.About(name) == "" {
			t.Errorf("%s does not say what it answers", name)
		}
	}
}

// Carol's session goes on while it is blocked: one access gets through, one app fails open, and both are told.
func TestGapsOfEnforcementAreFound(t *testing.T) {
	conn := storytest.Load(t)
	for _, insert := range []string{
		`INSERT INTO features SELECT * REPLACE ('ev-gap' AS event_id, ts + INTERVAL 4 MINUTE AS ts, 'resource.export' AS event_action, 90 AS seq) FROM (SELECT * FROM features WHERE event_id = 'ev-0018')`,
		`INSERT INTO features SELECT * REPLACE ('ev-soon' AS event_id, ts + INTERVAL 1 SECOND AS ts, 91 AS seq) FROM (SELECT * FROM features WHERE event_id = 'ev-0018')`,
		`INSERT INTO features SELECT * REPLACE ('ev-out' AS event_id, ts + INTERVAL 5 MINUTE AS ts, 'auth.logout' AS event_action, 92 AS seq) FROM (SELECT * FROM features WHERE event_id = 'ev-0018')`,
		`INSERT INTO features SELECT * REPLACE ('ev-kept' AS event_id, ts + INTERVAL 5 MINUTE AS ts, 'challenged' AS outcome, 93 AS seq) FROM (SELECT * FROM features WHERE event_id = 'ev-0018')`,
		`INSERT INTO enforcement SELECT * REPLACE ('ev-open' AS event_id, 'ch_carol' AS challenge_id, 'fail_open' AS result, ts + INTERVAL 1 HOUR AS ts, 94 AS seq) FROM (SELECT * FROM enforcement WHERE event_id = 'ev-0009')`,
		`INSERT INTO features SELECT * REPLACE ('ev-rules' AS event_id, ['night', 'restricted_resource'] AS hits, ['new_rule'] AS shadow_hits, 'night' AS rule, 95 AS seq) FROM (SELECT * FROM features WHERE event_id = 'ev-0001')`,
	} {
		if err := conn.Exec(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
	}
	r, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := r.Ask(t.Context(), "enforcement_gaps", nil, storytest.Now)
	if err != nil {
		t.Fatal(err)
	}
	want := "fail_open ev-open\nlet_through ev-gap\nno_receipt ev-0018"
	if got := flat(t, tab, "kind", "event"); got != want {
		t.Errorf("gaps:\n got %q\nwant %q", got, want)
	}
	if tab, err = r.Ask(t.Context(), "rule_hits", nil, storytest.Now); err != nil {
		t.Fatal(err)
	}
	// Of carol's four copied events none names a rule; the one of several names each once, and what is only tried apart.
	want = "restricted_resource false 4\nnew_rule true 1\nnight false 1"
	if got := flat(t, tab, "rule", "tried_only", "decisions"); got != want {
		t.Errorf("rules:\n got %q\nwant %q", got, want)
	}
}
