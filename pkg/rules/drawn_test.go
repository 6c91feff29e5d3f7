package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
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
