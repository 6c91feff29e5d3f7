package rules

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

func rank(a decision.Action) int {
	return map[decision.Action]int{decision.Allow: 0, decision.StepUp: 1, decision.Deny: 2}[a]
}

// From the same state, for the same event, a policy that asks for more never answers with less.
func TestAStricterPolicyNeverLowersTheAction(t *testing.T) {
	raised := 0
	rapid.Check(t, func(t *rapid.T) {
		base := drawPolicy(t)
		strict := base.stricter(t)
		a, b := base.engine(t), strict.engine(t)
		var p, copied profile.Profile
		var d, e decision.Decision
		now := event.Millis(1788771600000)
		for n := range rapid.IntRange(1, 25).Draw(t, "events") {
			ev := drawEvent(t, n, &now, &d)
			if err := profile.Decode(p.AppendBinary(nil), &copied); err != nil {
				t.Fatal(err)
			}
			a.Step(&p, ev, &d)
			b.Step(&copied, ev, &e)
			if d.Status != decision.Scored || ev.Type != event.Activity {
				continue
			}
			if rank(e.Action) < rank(d.Action) {
				t.Fatalf("event %d: %s (rule %q, risk %.1f) became %s (rule %q)\n%s\nstricter:\n%s", n, d.Action, d.Rule, d.Risk, e.Action, e.Rule, base.text(), strict.text())
			}
			if rank(e.Action) > rank(d.Action) {
				raised++
			}
		}
	})
	if raised == 0 {
		t.Error("no stricter policy ever raised an action: nothing was tested")
	}
}

// Neither cool-down, nor budget, nor a rule that allows, hides what is severe.
func TestNothingHidesSevereEvidence(t *testing.T) {
	severe := 0
	rapid.Check(t, func(t *rapid.T) {
		policy := drawPolicy(t)
		engine := policy.engine(t)
		var p profile.Profile
		var d decision.Decision
		now := event.Millis(1788771600000)
		for n := range rapid.IntRange(1, 25).Draw(t, "events") {
			ev := drawEvent(t, n, &now, &d)
			engine.Step(&p, ev, &d)
			if ev.Type != event.Activity || ev.User.Kind != event.Person || ev.Outcome == event.Failure && strings.HasPrefix(ev.Action, "auth.") || d.Risk < float64(policy.severe) {
				continue
			}
			severe++
			if d.Action == decision.Allow {
				t.Fatalf("event %d: risk %.1f is severe (%d) and allowed by %q\n%s", n, d.Risk, policy.severe, d.Rule, policy.text())
			}
		}
	})
	if severe == 0 {
		t.Error("nothing was severe: nothing was tested")
	}
}

// Whatever becomes of an event, the decision names the version that judged it, and equal events give equal decisions.
func TestEveryDecisionNamesItsVersionAndComesAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := drawPolicy(t)
		one, two := policy.engine(t), policy.engine(t)
		var p, q profile.Profile
		var d, e decision.Decision
		now := event.Millis(1788771600000)
		for n := range rapid.IntRange(1, 15).Draw(t, "events") {
			ev := drawEvent(t, n, &now, &d)
			if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
				ev.Time = rapid.SampledFrom([]event.Millis{0, 1, now + 1e10}).Draw(t, "time")
			}
			one.Step(&p, ev, &d)
			two.Step(&q, ev, &e)
			if d.Policy != one.Policy().Version() || !strings.HasPrefix(d.Policy, "drawn@") {
				t.Fatalf("got version %q, want %q", d.Policy, one.Policy().Version())
			}
			if fmt.Sprintf("%+v", d) != fmt.Sprintf("%+v", e) {
				t.Fatalf("the same event gave\n%+v\nand\n%+v", d, e)
			}
			for _, s := range d.Signals {
				if s.PolicyVersion != d.Policy {
					t.Fatalf("the signal names %q, its decision %q", s.PolicyVersion, d.Policy)
				}
			}
		}
	})
}

// A rollout that grows keeps those it has reached.
func TestRolloutReachesItsShareAndKeepsIt(t *testing.T) {
	f := mustParse(t, "id: x\nrules:\n  - {name: a, when: 'true', then: deny, rollout: 20}\n  - {name: b, when: 'true', then: deny, rollout: 20}")
	more := mustParse(t, "id: x\nrules: [{name: a, when: 'true', then: deny, rollout: 50}]")
	n, both := 0, 0
	for i := range 10_000 {
		facts := benchFacts()
		facts.Event.User.ID = fmt.Sprintf("user-%d", i)
		hits := f.set.Judge(facts, nil)
		if !hits[0].Shadow {
			n++
			if more.set.Judge(facts, nil)[0].Shadow {
				t.Fatalf("user %d was reached at 20 %% and is not at 50 %%", i)
			}
			if !hits[1].Shadow {
				both++
			}
		}
	}
	if n < 1800 || n > 2200 {
		t.Errorf("%d of 10000 users reached, want about 2000", n)
	}
	if both < 250 || both > 550 {
		t.Errorf("%d users reached by both rules, want about 400: each rule draws its own", both)
	}
}

func TestEveryFactAnswersWithItsType(t *testing.T) {
	var b strings.Builder
	b.WriteString("id: facts\nrules:\n")
	for i, f := range facts {
		when := fmt.Sprintf("%[1]s == %[1]s", f.name)
		if strings.HasPrefix(f.typ.String(), "list") {
			when = fmt.Sprintf("!%s.exists(x, x == \"nonsense\")", f.name)
		} else if strings.HasPrefix(f.typ.String(), "map") {
			when = f.name + `["nonsense"] == "" && !("nonsense" in ` + f.name + ")"
		}
		fmt.Fprintf(&b, "  - {name: r%d, when: '%s', then: notify}\n", i, when)
	}
	f := mustParse(t, b.String())
	for _, h := range f.set.Judge(benchFacts(), nil) {
		if h.Effect != decision.NotifyEffect {
			t.Errorf("%s fails", f.Rules[0].When)
		}
	}
	if got := len(f.set.Judge(benchFacts(), nil)); got != len(facts) {
		t.Errorf("%d of %d facts answer", got, len(facts))
	}
}

// A condition that cannot be evaluated does not apply, and the decision says so.
func TestAConditionThatFailsIsNamed(t *testing.T) {
	f := mustParse(t, "id: x\nrules: [{name: odd, when: '10 / (event.count - 1) > 1', then: deny}]")
	e, err := risk.New(f.Policy, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	var p profile.Profile
	var d decision.Decision
	e.Step(&p, benchFacts().Event, &d)
	if d.Action != decision.Allow || len(d.Hits) != 0 || d.Unknown[len(d.Unknown)-1] != "rule:odd" {
		t.Errorf("got %s, hits %v, unknown %v", d.Action, d.Hits, d.Unknown)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("id: x\nrules: [{name: a, when: 'session.amr.exists(x, x.matches(\"(a+)+$\"))', then: deny}]"))
	f.Add([]byte(`{"id": "x", "thresholds": {"step_up": 45}}`))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		if file.Cost > MaxTotalCost || len(file.Rules) > MaxRules {
			t.Errorf("accepted %d rules of cost %d", len(file.Rules), file.Cost)
		}
		if file.set != nil {
			file.set.Judge(benchFacts(), nil)
		}
		again, err := Parse(data)
		if err != nil || again.Policy.Version() != file.Policy.Version() {
			t.Errorf("read twice: %v", err)
		}
	})
}
