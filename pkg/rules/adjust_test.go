package rules

import "testing"

func TestAdjustSetsNumbersAndKeepsTheRest(t *testing.T) {
	got, err := Adjust([]byte("# ours\nid: mine\nthresholds:\n  step_up: 40 # was 50\nrules: []\n"),
		map[string]float64{"thresholds.step_up": 35.5, "thresholds.adaptive.rate": 0.5, "friction.prompts": 2})
	want := "# ours\nid: mine\nthresholds:\n  step_up: 35.5 # was 50\n  adaptive:\n    rate: 0.5\nrules: []\nfriction:\n  prompts: 2\n"
	if err != nil || string(got) != want {
		t.Fatalf("got %v\n%s\nwant\n%s", err, got, want)
	}
	f, err := Parse(got)
	if err != nil || f.Policy.Thresholds.StepUp != 35.5 || f.Policy.Friction.Prompts != 2 {
		t.Errorf("got %+v, %v", f, err)
	}
	if _, err := Adjust([]byte("id: mine\nthresholds: 3\n"), map[string]float64{"thresholds.step_up": 1}); err == nil {
		t.Error("a number below a number was set")
	}
}
