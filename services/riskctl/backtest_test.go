package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBacktestOfEventFiles(t *testing.T) {
	dir := t.TempDir()
	var in strings.Builder
	for n := range 60 {
		in.WriteString(inputLine(n, fmt.Sprintf("u%d", n%3), "") + "\n")
	}
	in.WriteString("{\"id\":\n")
	events, next := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "new.yaml")
	for name, text := range map[string]string{
		events: in.String(),
		next:   "id: new\nrules:\n  - {name: once_a_day, when: session.proof_age > 86400, then: {step_up: {max_age: 1d}}}\n  - {name: tried, when: event.hour == 10, then: deny, mode: shadow}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, stderr, code := call(t, "", "backtest", "-data", dir, "-policy", next, "-quiet", events)
	for _, want := range []string{"60 events of 3 users", "once_a_day: prompts", "tried: applied in shadow", "1 lines were no events", "sessions questioned only under the new policy: 3", "a rule in shadow asks nobody", "for a second of one core"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	if code != exitOK || !strings.Contains(stderr, "events.jsonl: line 61: ") {
		t.Errorf("code %d, stderr %s", code, stderr)
	}
	out, stderr, code = call(t, "", "backtest", "-data", dir, "-policy", next, "-quiet", "-json", events)
	var r struct {
		New     []string
		Events  int
		Prompts [2]int
		Rules   map[string]struct {
			Shadow [2]int `json:"shadow_hits"`
		}
		Changed []turned `json:"changed_events"`
		Speed   speed
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK {
		t.Fatalf("code %d, %v: %s %s", code, err, out, stderr)
	}
	if len(r.Changed) != 1 || r.Changed[0] != (turned{"allow", "step_up", 3}) || r.Speed.Events <= 0 || r.Speed.Core <= 0 || r.Speed.CPU <= 0 {
		t.Errorf("changed %+v, speed %+v", r.Changed, r.Speed)
	}
	if r.Events != 60 || r.Prompts != [2]int{0, 3} || r.Rules["tried"].Shadow != [2]int{0, 60} || len(r.New) != 1 || !strings.HasPrefix(r.New[0], "new@") {
		t.Errorf("got %+v", r)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-policy", "/nowhere.yaml", events}, "-policy"},
		{[]string{"-from", "yesterday", events}, "-from: want a day"},
		{[]string{"-answers", "maybe", events}, "-answers: want"},
		{[]string{"-labels", events, events}, "-labels " + events + ": line 1: want id and kind"},
		{[]string{"-labels", events}, "-labels is for files"},
	} {
		_, stderr, code := call(t, "", append([]string{"backtest", "-data", dir, "-quiet"}, c.args...)...)
		if code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: code %d, %s", c.args, code, stderr)
		}
	}
}

func TestLabelsSayWhichSessionsAreAttacks(t *testing.T) {
	dir := t.TempDir()
	events, labels := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "truth.jsonl")
	first := inputLine(0, "ann", "")
	var ev struct{ ID string }
	if err := json.Unmarshal([]byte(first), &ev); err != nil {
		t.Fatal(err)
	}
	truth := fmt.Sprintf("{\"id\":%q,\"kind\":\"stolen\"}\n{\"id\":\"other\",\"kind\":\"honest\"}\n", ev.ID)
	for name, text := range map[string]string{events: first + "\n" + inputLine(1, "bob", "") + "\n", labels: truth} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, stderr, code := call(t, "", "backtest", "-data", dir, "-quiet", "-labels", labels, events)
	if code != exitOK || !strings.Contains(out, "stolen: of 1") || strings.Contains(out, "honest") {
		t.Errorf("code %d: %s\n%s", code, stderr, out)
	}
}
