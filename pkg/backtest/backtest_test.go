package backtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func engine(t *testing.T, text string) *rules.Engine {
	t.Helper()
	f, err := rules.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.NewEngine([]*rules.File{f}, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var begin = time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC)

// history reads events written as "minute user session action rest".
func history(t *testing.T, lines ...string) Source {
	t.Helper()
	en, err := enrich.New(enrich.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var items []Item
	for i, l := range lines {
		f := strings.Fields(l)
		var minute int
		if _, err := fmt.Sscan(f[0], &minute); err != nil {
			t.Fatal(err)
		}
		kind, action := "activity", f[3]
		if strings.HasPrefix(action, "stepup.") || action == "feedback" {
			kind = action
		}
		at := begin.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339)
		rest := strings.ReplaceAll(strings.Join(f[4:], " "), "NOW", at)
		session := fmt.Sprintf(`{"id":%q%s}`, f[2], map[bool]string{true: fmt.Sprintf(`,"auth_time":%q,"acr":"aal2"`, at)}[action == "stepup.completed"])
		text := fmt.Sprintf(`{"id":"e%d","source":"//t","type":"dev.riskd.%s.v1","time":%q,"tenant_id":"t","user":{"id":%q},"session":%s,"action":%q,"outcome":"success"%s}`,
			i, kind, at, f[1], session, action, rest)
		pb, err := wire.DecodeJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		items = append(items, Item{Event: pb, Enrichment: en.Enrich(pb, pb.TimeMs)})
	}
	return func(_ context.Context, hand func(Item) error) error {
		for _, it := range items {
			if err := hand(it); err != nil {
				return err
			}
		}
		return nil
	}
}

const exports = "id: x\nrules: [{name: export, when: 'event.action == \"a.export\" && session.proof_age > 3600', then: {step_up: {max_age: 1h}}}]"

func run(t *testing.T, cfg Config, src Source) *Report {
	t.Helper()
	r, err := Run(t.Context(), cfg, src)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestANewRuleIsCountedWithWhomItAsks(t *testing.T) {
	src := history(t,
		"0 ann s1 auth.login", "1 ann s1 a.export", "2 ann s1 a.export", "10 ann s1 a.read",
		"0 bob s2 auth.login", "3 bob s2 a.read",
		"20000 ann s3 auth.login", "20001 ann s3 a.export", "20100 ann s3 a.export")
	r := run(t, Config{Live: engine(t, "id: live"), New: engine(t, exports)}, src)
	if r.Events != 9 || r.Users != 2 || r.UserWeeks != 3 {
		t.Errorf("got %d events, %d users, %d user-weeks; want 9, 2, 3", r.Events, r.Users, r.UserWeeks)
	}
	// s1 passes as it goes on, so its second export needs nothing; s3 has to prove itself again after an hour.
	if r.Prompts != [2]int{0, 3} || r.CountNewly != 2 || r.UsersPrompted != [2]int{0, 1} || r.PromptsPerUserWeek[1] != 1 {
		t.Errorf("prompts %v (want 0 and 3), new sessions %d (want 2), users %v, per week %v", r.Prompts, r.CountNewly, r.UsersPrompted, r.PromptsPerUserWeek)
	}
	if r.Assumed != 2 {
		t.Errorf("%d answers assumed, want 2: the last challenge has no event after it", r.Assumed)
	}
	if len(r.NewlyAsked) != 2 || r.NewlyAsked[0].User != "ann" || r.NewlyAsked[0].Rule != "export" {
		t.Errorf("newly asked: %+v", r.NewlyAsked)
	}
	none := run(t, Config{Live: engine(t, "id: live"), New: engine(t, exports), Answers: NoAnswers}, src)
	if none.Assumed != 0 || none.Prompts[1] < r.Prompts[1]-1 {
		t.Errorf("without answers: %d assumed, %d prompts", none.Assumed, none.Prompts[1])
	}
}

func TestEventsOutsideTheTimeOnlyBuildUpState(t *testing.T) {
	src := history(t, "0 ann s1 auth.login", "1 ann s1 a.export", "20000 ann s3 auth.login", "20001 ann s3 a.export", "40000 ann s4 a.export")
	r := run(t, Config{Live: engine(t, "id: live"), New: engine(t, exports), From: begin.Add(100 * time.Minute), To: begin.Add(30000 * time.Minute)}, src)
	if r.Events != 5 || r.Counted != 2 || r.Prompts[1] != 1 {
		t.Errorf("got %d events, %d counted, %d prompts; want 5, 2, 1", r.Events, r.Counted, r.Prompts[1])
	}
}

func TestAnAttackThatTheNewPolicyLetsPassIsNamed(t *testing.T) {
	src := history(t,
		"0 ann s1 auth.login", "1 ann s1 a.export", "2 ann s1 stepup.failed", "3 ann s1 stepup.failed", // never passed
		"0 bob s2 auth.login", "1 bob s2 a.export", "2 bob s2 stepup.failed", "3 bob s2 stepup.completed", // mistyped once
		`0 eve s3 auth.login`, "1 eve s3 a.export", `2 eve s3 feedback ,"feedback":{"event_id":"e9","verdict":"attack","author":"soc"}`)
	live := engine(t, exports)
	r := run(t, Config{Live: live, New: engine(t, "id: lax")}, src)
	if r.Caught != 2 || r.Missed != 2 || r.CountNoLonger != 3 {
		t.Errorf("caught %d, missed %d, no longer asked %d; want 2, 2 and 3: %+v", r.Caught, r.Missed, r.CountNoLonger, r.MissedSessions)
	}
	// A policy that asks the same session at another moment has not missed it.
	r = run(t, Config{Live: live, New: engine(t, strings.ReplaceAll(strings.ReplaceAll(exports, "id: x", "id: y"), `"a.export"`, `"auth.login"`))}, src)
	if r.Caught != 2 || r.Missed != 0 {
		t.Errorf("asked at the login instead: caught %d, missed %d; want 2 and 0", r.Caught, r.Missed)
	}
}

func TestLabelledAttacksAreCountedByKindWhetherTheyAreQuestionedOrNot(t *testing.T) {
	src := history(t, "0 ann s1 auth.login", "1 ann s1 a.export", "2 ann s1 a.read", "0 bob s2 auth.login", "1 bob s2 a.read", "0 eve s3 auth.login", "1 eve s3 a.export", "20000 cid s4 a.export")
	labels := map[string]string{"e1": "stolen", "e4": "stolen", "e5": "insider", "e7": "insider"}
	labelled := func(ctx context.Context, hand func(Item) error) error {
		return src(ctx, func(it Item) error {
			it.Attack = labels[it.Event.Id]
			return hand(it)
		})
	}
	r := run(t, Config{Live: engine(t, exports), New: engine(t, "id: lax"), To: begin.Add(time.Hour)}, labelled)
	if stolen := r.Attacks["stolen"]; stolen == nil || *stolen != (Attack{2, [2]int{1, 0}}) {
		t.Errorf("stolen sessions: %+v, want 2, the live policy questioning 1 and the new one none", stolen)
	}
	if insider := r.Attacks["insider"]; insider == nil || *insider != (Attack{1, [2]int{1, 0}}) {
		t.Errorf("insiders: %+v, want 1: the other is outside the time", insider)
	}
	if r.Caught != 2 || r.Missed != 2 {
		t.Errorf("caught %d, missed %d, want both of those questioned", r.Caught, r.Missed)
	}
	var out strings.Builder
	r.Write(&out)
	if !strings.Contains(out.String(), "insider: of 1") || !strings.Contains(out.String(), "stolen: of 2") {
		t.Errorf("the kinds are not written:\n%s", &out)
	}
}

func TestAnswersInHistoryGoToTheChallengeOfTheSession(t *testing.T) {
	src := history(t, "0 bob s2 auth.login", "1 bob s2 a.export", "2 bob s2 stepup.completed", "3 bob s2 a.export", "4 bob s2 a.read")
	earlier := engine(t, strings.ReplaceAll(exports, `event.action == "a.export"`, `event.action in ["a.export", "auth.login"]`))
	r := run(t, Config{Live: engine(t, exports), New: earlier}, src)
	if r.Prompts != [2]int{1, 1} || r.Assumed > 1 {
		t.Errorf("prompts %v, assumed %d; want one each", r.Prompts, r.Assumed)
	}
}

func TestBareEventsAreAnsweredForBothPolicies(t *testing.T) {
	src := history(t, "0 ann s1 auth.login", "1 ann s1 a.export", "2 ann s1 a.export", "3 ann s1 a.read")
	r := run(t, Config{Live: engine(t, exports), New: engine(t, exports), Answers: Assumed}, src)
	if r.Assumed != 2 || r.Prompts != [2]int{1, 1} || len(r.Changed) != 0 {
		t.Errorf("assumed %d (want one for each policy), prompts %v, changed %v", r.Assumed, r.Prompts, r.Changed)
	}
}

func TestManyUsersRestAndWakeWithoutADifference(t *testing.T) {
	var lines []string
	for round := range 3 {
		for u := range maxLive + 500 {
			lines = append(lines, fmt.Sprintf("%d u%d s%d a.export", round*10, u, u))
		}
	}
	r := run(t, Config{Live: engine(t, exports), New: engine(t, exports), Workers: 1, Answers: Assumed}, history(t, lines...))
	if r.Prompts[0] != maxLive+500 || r.Prompts[0] != r.Prompts[1] || len(r.Changed) != 0 {
		t.Errorf("prompts %v, want %d for both", r.Prompts, maxLive+500)
	}
}

func TestABrokenSourceEndsTheBacktest(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := Run(t.Context(), Config{Live: engine(t, "id: a"), New: engine(t, "id: b")}, func(_ context.Context, hand func(Item) error) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src := history(t, strings.Split(strings.Repeat("0 ann s1 a.read\n", 20*batchItems*batchesAhead), "\n")[:20*batchItems*batchesAhead]...)
	if _, err := Run(ctx, Config{Live: engine(t, "id: a"), New: engine(t, "id: b"), Workers: 1}, src); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, err := Run(t.Context(), Config{}, nil); err == nil {
		t.Error("no policies were accepted")
	}
}
