package rules

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Example is one test in a policy file: events of one user, judged one after the other, and what is expected.
type Example struct {
	Name string `yaml:"name"`
	// Base is merged under each event.
	Base map[string]any `yaml:"base"`
	// Steps in the order in which they are sent.
	Steps []Step `yaml:"steps"`

	line int
}

// Step is one event of an example, or a series of them.
type Step struct {
	// Event as an app sends it, without what every example shares: id, source, time. type is activity if left out; a
	// stepup event answers the session's last challenge.
	Event map[string]any `yaml:"event"`
	// After is how long after the step before, such as 5m or 100d; a second if left out.
	After string `yaml:"after"`
	// Repeat sends the event so many times, Every apart. The expectation is of the last.
	Repeat int    `yaml:"repeat"`
	Every  string `yaml:"every"`
	// Proof is how long before the event the user proved himself (session.auth_time), such as 0s.
	Proof string `yaml:"proof"`
	// Given replaces facts in conditions by hand, such as risk: 72 or profile.idle_days: 200.
	Given map[string]any `yaml:"given"`
	// Expect is compared with the decision.
	Expect *Expect `yaml:"expect"`

	line int
}

const (
	maxTests  = 500
	maxSteps  = 100
	maxRepeat = 1000
)

// start of every example: a Monday.
var start = time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC)

func (r *reader) readTests(f *File) {
	if len(f.Tests) > maxTests {
		r.fault(r.lines["tests"], "tests", "%d tests, limit %d", len(f.Tests), maxTests)
		return
	}
	for i := range f.Tests {
		t := &f.Tests[i]
		key := fmt.Sprintf("tests[%d]", i)
		t.line = r.lines[key]
		if t.Name == "" || len(t.Steps) == 0 || len(t.Steps) > maxSteps {
			r.fault(t.line, key, "want a name and 1 to %d steps", maxSteps)
		}
		expects := 0
		for k := range t.Steps {
			expects += r.readStep(f, &t.Steps[k], fmt.Sprintf("%s.steps[%d]", key, k))
		}
		if expects == 0 {
			r.fault(t.line, key, "it expects nothing")
		}
	}
}

func (r *reader) readStep(f *File, s *Step, key string) (expects int) {
	s.line = r.lines[key]
	if s.Repeat < 0 || s.Repeat > maxRepeat {
		r.fault(s.line, key+".repeat", "want 1 to %d", maxRepeat)
	}
	for k, text := range map[string]string{"after": s.After, "every": s.Every, "proof": s.Proof} {
		if text != "" {
			if _, err := seconds(text); err != nil {
				r.fault(r.lines[key+"."+k], key+"."+k, "%v", err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Given)) {
		if _, _, err := given(name, s.Given[name]); err != nil {
			r.fault(r.lines[key+".given."+name], key+".given."+name, "%v", err)
		}
	}
	if s.Expect == nil {
		return 0
	}
	for _, name := range slices.Concat(s.Expect.Hits, s.Expect.Shadow) {
		if !slices.ContainsFunc(f.Rules, func(r Rule) bool { return r.Name == name }) {
			names := make([]string, len(f.Rules))
			for i := range f.Rules {
				names[i] = f.Rules[i].Name
			}
			r.fault(r.lines[key+".expect"], key+".expect", "there is no rule %s%s", name, suggest(name, names))
		}
	}
	return 1
}

// given turns a fact written by hand into a value.
func given(name string, v any) (index int, value ref.Val, err error) {
	i := slices.IndexFunc(facts, func(f fact) bool { return f.name == name })
	if i < 0 {
		names := make([]string, len(facts))
		for k := range facts {
			names[k] = facts[k].name
		}
		return 0, nil, fmt.Errorf("no such fact%s", suggest(name, names))
	}
	f := &facts[i]
	switch v := v.(type) {
	case int:
		if f.typ.Kind() == cel.DoubleKind {
			return i, types.Double(v), nil
		}
		value = types.Int(v)
	case float64:
		value = types.Double(v)
	case bool:
		value = types.Bool(v)
	case string:
		value = types.String(v)
	case []any:
		texts := make([]string, len(v))
		for k := range v {
			texts[k] = fmt.Sprint(v[k])
		}
		return i, types.NewStringList(types.DefaultTypeAdapter, texts), nil
	}
	if value == nil || value.Type().TypeName() != f.typ.TypeName() {
		return 0, nil, fmt.Errorf("want %s", f.typ)
	}
	return i, value, nil
}
