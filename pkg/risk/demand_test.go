package risk_test

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

// fixedRules demand a second factor by the action alone.
type fixedRules map[string]decision.Scope

func (r fixedRules) Judge(f *policy.Facts, hits []decision.Hit) []decision.Hit {
	if scope, ok := r[f.Event.Action]; ok {
		hits = append(hits, decision.Hit{Rule: "on_" + f.Event.Action, Effect: decision.StepUpEffect, Level: 2, MaxAge: 600, Scope: scope})
	}
	return hits
}
func (fixedRules) Digest() []byte           { return []byte("fixed") }
func (fixedRules) ReasonUser(string) string { return "" }

// ruledEngine wants proof for deleting, for the action alone; for sharing, for the one resource; for closing, for the session.
func ruledEngine(t *testing.T) *risk.Engine {
	t.Helper()
	p, err := policy.Default().WithRules(fixedRules{
		"resource.delete": decision.OfAction, "resource.share": decision.OfResource, "account.close": 0,
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := risk.New(p, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A rule that is about one action asks for each such action, and its unanswered challenge leaves the rest of the work alone.
func TestAnUnansweredDemandOfARuleShutsWhatTheRuleIsAbout(t *testing.T) {
	for name, c := range map[string]struct {
		did   []string
		after string // the state once nobody has answered
	}{
		"one action":                     {[]string{"resource.delete"}, "clear"},
		"one resource":                   {[]string{"resource.share"}, "clear"},
		"an action and then a resource":  {[]string{"resource.delete", "resource.share"}, "clear"},
		"the session":                    {[]string{"account.close"}, "required"},
		"an action and then the session": {[]string{"resource.delete", "account.close"}, "required"},
		"the session and then an action": {[]string{"account.close", "resource.delete"}, "required"},
	} {
		t.Run(name, func(t *testing.T) {
			e := ruledEngine(t)
			p := veteran(t, e, 20)
			var d decision.Decision
			do := func(i int, action string, at event.Millis) {
				t.Helper()
				ev := home(20, at)
				ev.ID += string(rune('a' + i))
				ev.Action, ev.Resource = action, event.Resource{Type: "doc", ID: "d1"}
				e.Step(p, &ev, &d)
			}
			do(0, "auth.login", noon)
			for i, action := range c.did {
				if do(i+1, action, noon+event.Millis(i+1)*60_000); d.Action != decision.StepUp {
					t.Fatalf("%s: got %s, want step_up", action, d.Action)
				}
			}
			do(8, "resource.read", noon+hour)
			if d.SessionState != c.after {
				t.Fatalf("an hour later: got %s %s, want %s", d.SessionState, d.Action, c.after)
			}
			if do(9, c.did[0], noon+2*hour); d.Action != decision.StepUp || d.SessionState != "required" {
				t.Fatalf("the same once more: got %s %s, want to be asked again", d.Action, d.SessionState)
			}
		})
	}
}
