package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPolicyCommandsOnTheShippedPolicies(t *testing.T) {
	const folder = "../../deploy/policies"
	for _, verb := range []string{"test", "lint", "show"} {
		out, stderr, code := call(t, "", "policy", verb, folder)
		if code != exitOK || !strings.Contains(out, "ip-shift.yaml: ip-shift@") {
			t.Errorf("policy %s: code %d, stdout %s stderr %s", verb, code, out, stderr)
		}
	}
	out, _, code := call(t, "", "policy", "facts")
	if code != exitOK || !strings.Contains(out, "profile.idle_days") {
		t.Errorf("policy facts: code %d, %s", code, out)
	}
}

func TestPolicyCommandsNameFaults(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	refused := write("refused.yaml", "id: x\ntreshold: 3")
	failing := write("failing.yaml", "id: x\nrules:\n  - {name: a, when: event.count > 1, then: deny}\ntests:\n  - {name: t, steps: [{event: {action: x}, expect: {action: deny}}]}")
	for _, c := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"a file that is refused", []string{"test", refused}, refused + ": line 2: treshold: unknown key; did you mean thresholds?", exitError},
		{"a test that fails", []string{"test", failing}, "FAILED: t: action: got \"allow\", want \"deny\"", exitError},
		{"a rule without a test", []string{"lint", failing}, "a: no test makes it apply", exitError},
		{"no file", []string{"test"}, "want test FILE", exitUsage},
		{"another verb", []string{"tset", failing}, "want test FILE", exitUsage},
		{"a file that is not there", []string{"lint", "/nowhere.yaml"}, "/nowhere.yaml", exitError},
	} {
		out, stderr, code := call(t, "", append([]string{"policy"}, c.args...)...)
		if code != c.code || !strings.Contains(out+stderr, c.want) {
			t.Errorf("%s: code %d (want %d), output %s%s\nwant %s", c.name, code, c.code, out, stderr, c.want)
		}
	}
}

func TestScoreJudgesByRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte(`
id: mine
rules:
  - {name: watch, when: user.id == "u1", then: notify}
  - {name: tried, when: event.action == "resource.read", then: deny, mode: shadow}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := call(t, inputLine(1, "u1", "")+"\n", "score", "-no-geo", "-policy", file)
	if code != exitOK || !strings.Contains(out, `"hits":["watch"],"shadow_hits":["tried"]`) || !strings.Contains(out, `"action":"allow"`) || !strings.Contains(out, `"policy":"mine@`) {
		t.Errorf("code %d, %s %s", code, out, stderr)
	}
}
