package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// conditions that hold now and then in drawn histories.
var conditions = []string{
	`event.action == "data.export"`, `resource.sensitivity in ["restricted", "critical"]`, `session.country_changed || session.browser_changed`,
	`risk > 30.0`, `!profile.device_known`, `profile.idle_days > 1.0`, `network.kind == "hosting"`, `session.new`, `"device" in unknown`,
	`session.proof_age > 3600`, `user.id in lists.some`, `network.ip in lists.office`, `event.attributes["role"] == "admin"`, `true`,
}

// drawn is a policy as text, in parts that can be made stricter.
type drawn struct {
	stepUp, severe int
	onSevere       string
	coolDown       int
	prompts        int
	// rate is of the adaptive threshold, percent; hysteresis in points.
	rate, hysteresis int
	lists            string
	rules            []string
}

func (d *drawn) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "id: drawn\nthresholds: {medium: 10, step_up: %d, severe: %d, on_severe: %s, adaptive: {rate: %d, floor: 10, ceiling: %d}}\nlearning: {below: 10}\nfriction: {cool_down: %d, prompts: %d, hysteresis: %d}\n%s",
		d.stepUp, d.severe, d.onSevere, d.rate, d.severe, d.coolDown, d.prompts, d.hysteresis, d.lists)
	before := "rules:\n"
	for i, r := range d.rules {
		if r != "" {
			fmt.Fprintf(&b, "%s  - {name: r%d, %s}\n", before, i, r)
			before = ""
		}
	}
	return b.String()
}

func drawPolicy(t *rapid.T) *drawn {
	d := &drawn{
		stepUp: rapid.IntRange(20, 60).Draw(t, "step_up"), onSevere: rapid.SampledFrom([]string{"step_up", "deny"}).Draw(t, "on_severe"),
		coolDown: rapid.SampledFrom([]int{0, 3600, 864000}).Draw(t, "cool_down"), prompts: rapid.IntRange(1, 3).Draw(t, "prompts"),
		lists: "lists:\n  some: {values: [ann]}\n  office: {networks: [192.0.2.0/24]}\n",
	}
	d.rate, d.hysteresis = rapid.SampledFrom([]int{0, 1}).Draw(t, "rate"), rapid.SampledFrom([]int{0, 5, 40}).Draw(t, "hysteresis")
	d.severe = rapid.IntRange(d.stepUp, 80).Draw(t, "severe")
	for range rapid.IntRange(0, 4).Draw(t, "rules") {
		d.rules = append(d.rules, drawRule(t, []string{"allow", "notify", "deny", "revoke", "{step_up: {acr: aal2, max_age: 10m}}", "{step_up: {acr: aal3}}"}))
	}
	return d
}

func drawRule(t *rapid.T, effects []string) string {
	return fmt.Sprintf("when: '%s', then: %s, mode: %s, rollout: %d", rapid.SampledFrom(conditions).Draw(t, "when"), rapid.SampledFrom(effects).Draw(t, "then"),
		rapid.SampledFrom([]string{"enforce", "enforce", "shadow"}).Draw(t, "mode"), rapid.SampledFrom([]int{0, 50, 100, 100}).Draw(t, "rollout"))
}

// stricter is the policy with one change that asks for more.
func (d *drawn) stricter(t *rapid.T) *drawn {
	s := *d
	s.rules = append([]string(nil), d.rules...)
	at := func(what string) int { return rapid.IntRange(0, len(s.rules)-1).Draw(t, what) }
	change := func(from, to string) bool {
		if len(s.rules) == 0 {
			return false
		}
		i := at("which")
		// An allow rule asks for less the more it applies.
		if !strings.Contains(s.rules[i], from) || strings.Contains(s.rules[i], "then: allow") {
			return false
		}
		s.rules[i] = strings.Replace(s.rules[i], from, to, 1)
		return true
	}
	switch rapid.IntRange(0, 8).Draw(t, "change") {
	case 8:
		s.hysteresis = 0
	case 0:
		s.stepUp = rapid.IntRange(10, d.stepUp).Draw(t, "lower threshold")
	case 1:
		s.severe = rapid.IntRange(s.stepUp, d.severe).Draw(t, "lower severe")
	case 2:
		s.onSevere = "deny"
	case 3:
		change("mode: shadow", "mode: enforce")
	case 4:
		change("max_age: 10m", "max_age: 1m")
	case 5:
		change("acr: aal2", "acr: aal3")
	case 6:
		if len(s.rules) > 0 {
			if i := at("which"); strings.Contains(s.rules[i], "then: allow") {
				s.rules[i] = "" // the others keep their names, by which a share of users is drawn
			}
		}
	default:
		s.rules = append(s.rules, drawRule(t, []string{"deny", "revoke", "{step_up: {acr: aal2}}", "{step_up: {acr: aal3, amr: [hwk], max_age: 5m}}", "notify"}))
	}
	return &s
}

func (d *drawn) engine(t *rapid.T) *risk.Engine {
	f, err := Parse([]byte(d.text()))
	if err != nil {
		t.Fatalf("%v\n%s", err, d.text())
	}
	e, err := risk.New(f.Policy, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// drawEvent is the next thing that happens to ann; last are the decisions so far.
func drawEvent(t *rapid.T, n int, now *event.Millis, last *decision.Decision) *event.Event {
	*now += event.Millis(rapid.SampledFrom([]int{1, 60, 900, 7200, 200000}).Draw(t, "later")) * 1000
	ev := &event.Event{
		ID: fmt.Sprintf("e%d", n), Source: "//t", Type: event.Activity, Time: *now, Received: *now, Tenant: "t", User: event.User{ID: "ann"},
		Session: event.Session{ID: rapid.SampledFrom([]string{"s1", "s2", ""}).Draw(t, "session")}, Count: 1, Outcome: event.Success,
		Action:   rapid.SampledFrom([]string{"auth.login", "data.read", "data.export", "role.grant"}).Draw(t, "action"),
		Device:   rapid.SampledFrom([]string{"laptop", "laptop", "other", ""}).Draw(t, "device"),
		Resource: event.Resource{Sensitivity: event.Sensitivity(rapid.IntRange(0, 4).Draw(t, "sensitivity"))},
	}
	ev.Outcome = rapid.SampledFrom([]event.Outcome{event.Success, event.Success, event.Failure, event.Challenged}).Draw(t, "outcome")
	ev.StepUpAt = rapid.SampledFrom([]float64{0, 12, 35, 100}).Draw(t, "adaptive threshold")
	ev.User.Kind = rapid.SampledFrom([]event.UserKind{event.Person, event.Person, event.Person, event.Service}).Draw(t, "kind")
	if rapid.Bool().Draw(t, "far away") {
		ev.Network = event.Network{IP: netip.MustParseAddr("203.0.113.7"), ASN: 64501, Kind: event.Hosting, Place: event.Place{Known: true, Lat: 35.68, Lon: 139.69, RadiusKM: 10, Country: "JP"}}
	} else {
		ev.Network = event.Network{IP: netip.MustParseAddr("192.0.2.7"), ASN: 64500, Kind: event.Residential, Place: event.Place{Known: true, Lat: 51.5, Lon: -0.12, RadiusKM: 10, Country: "GB"}}
	}
	if last.ChallengeID != "" && rapid.IntRange(0, 2).Draw(t, "answer") == 0 {
		ev.Type, ev.ChallengeID, ev.Session.ID = event.StepUpCompleted, last.ChallengeID, ""
		ev.Session.AuthTime, ev.Session.ACR, ev.Session.AMR = *now, "aal3", []string{"hwk", "user"}
		ev.Outcome, ev.User.Kind = event.Success, event.Person
	}
	return ev
}

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
