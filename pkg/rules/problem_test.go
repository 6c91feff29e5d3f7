package rules

import (
	"strings"
	"testing"
)

func TestEachFaultIsNamedWithItsLine(t *testing.T) {
	const ok = "id: x\nrules:\n  - name: a\n    then: deny\n    when: "
	for _, c := range []struct{ name, file, want string }{
		{"an unknown key of the settings", "id: x\nthreshholds: {step_up: 40}", "line 2: threshholds: unknown key; did you mean thresholds?"},
		{"an unknown key inside", "id: x\nthresholds:\n  stepup: 40", "line 3: thresholds.stepup: unknown key; did you mean step_up?"},
		{"an unknown key of a rule", "id: x\nrules:\n  - name: a\n    whan: true\n    then: deny", "line 4: rules[0].whan: unknown key; did you mean when?"},
		{"a value out of range", "id: x\nfriction:\n  prompts: 99", "line 3: friction.prompts: want 1 to 8"},
		{"settings that contradict", "id: x\n\nthresholds: {step_up: 10}", "line 3: thresholds: want 0 < medium"},
		{"a text where a number belongs", "id: x\nthresholds:\n  medium: low", "line 3: thresholds.medium: want a number"},
		{"no duration", "id: x\nfriction: {cool_down: 3 weeks}", "line 2: friction.cool_down: want a duration"},
		{"a key given twice", "id: x\nid: y", "line 2: id: given twice"},
		{"a fact misspelt", ok + `event.acton == "x"`, "line 5: rules[0].when: column 6: event.acton is no fact, list or function; did you mean event.action?"},
		{"a whole number beside one with a fraction", ok + `profile.idle_days > 3`, "applied to '(double, int)'; whole numbers and those with a fraction do not mix: write 3.0"},
		{"types that do not fit", ok + `event.count == "x"`, "no matching overload for '_==_'"},
		{"a condition that is no yes or no", ok + `event.count`, "want true or false, got int"},
		{"a syntax error", ok + `event.action ==`, "line 5: rules[0].when: column"},
		{"the clock", ok + `timestamp("2026-01-01T00:00:00Z").getHours("Europe/London") == 1`, "no fact, list or function"},
		{"a list that is not there", ok + `network.ip in lists.ofice`, "lists.ofice is no fact, list or function"},
		{"too costly", ok + `session.amr.exists(a, session.amr.exists(b, session.amr.exists(c, a + b + c == "x")))`, "too costly"},
		{"an unknown action", "id: x\nrules:\n  - {name: a, when: 'true', then: denny}", "want allow, step_up, deny, revoke or notify; did you mean deny?"},
		{"a name of the core", "id: x\nrules:\n  - {name: cool_down, when: 'true', then: deny}", "riskd itself uses this name"},
		{"a name twice", "id: x\nrules:\n  - {name: a, when: 'true', then: deny}\n  - {name: a, when: 'true', then: deny}", "line 4: rules[1].name: there is a rule a already"},
		{"a scope that there is not", "id: x\nrules:\n  - {name: a, when: 'true', then: step_up, scope: ressource}", "rules[0].scope: want session, action or resource; did you mean resource?"},
		{"a scope of what shuts the session", "id: x\nrules:\n  - {name: a, when: 'true', then: deny, scope: resource}", "rules[0].scope: only step_up"},
		{"a mode", "id: x\nrules:\n  - {name: a, when: 'true', then: deny, mode: dark}", "want enforce or shadow"},
		{"a rollout", "id: x\nrules:\n  - {name: a, when: 'true', then: deny, rollout: 101}", "want percent"},
		{"an unknown assurance", "id: x\nrules:\n  - {name: a, when: 'true', then: {step_up: {acr: aal9}}}", "want a known authentication context"},
		{"proof that is always too old", "id: x\nrules:\n  - {name: a, when: 'true', then: {step_up: {max_age: 5s}}}", "want at least 60 seconds"},
		{"no network", "id: x\nlists:\n  office: {networks: [192.0.2.0/33]}", "line 3: lists.office: \"192.0.2.0/33\" is no network"},
		{"a network with host bits", "id: x\nlists:\n  office: {networks: [192.0.2.1/24]}", "the network is 192.0.2.0/24"},
		{"a list of two kinds", "id: x\nlists:\n  office: {networks: [192.0.2.0/24], values: [a]}", "want exactly one of"},
		{"a trip that ends before it begins", "id: x\nlists:\n  t: {trips: [{user: a, country: JP, from: 2026-09-07, until: 2026-09-01}]}", "not before from"},
		{"anchors", "id: &a x\ntenant: *a", "anchors and aliases"},
		{"nothing", "", "the file is empty"},
		{"no mapping", "- a", "want keys and values"},
		{"bad YAML", "id: x\n\tb: c", "line 2"},
		{"two documents", "id: x\n---\nid: y", "more than one document"},
		{"a test that expects nothing", "id: x\ntests:\n  - {name: t, steps: [{event: {action: a}}]}", "line 3: tests[0]: it expects nothing"},
		{"a test of a rule that is not there", "id: x\ntests:\n  - {name: t, steps: [{event: {action: a}, expect: {hits: [b]}}]}", "there is no rule b"},
		{"a fact given wrong", "id: x\ntests:\n  - {name: t, steps: [{given: {risc: 1}, expect: {action: allow}}]}", "no such fact; did you mean risk?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAWrongExampleFails(t *testing.T) {
	f := mustParse(t, strings.Replace(small, "expect: {action: step_up, rule: export_outside}", "expect: {action: deny, rule: other}", 1))
	results, err := f.Test()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(results[0].Faults); got != 2 {
		t.Errorf("got %d faults, want 2: %v", got, results[0].Faults)
	}
}
