package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
)

// Lint names what is allowed and probably not meant. Examples are played for it.
func (f *File) Lint() Problems {
	var out Problems
	warn := func(r *Rule, format string, a ...any) {
		out = append(out, Problem{r.Line, r.Name, fmt.Sprintf(format, a...)})
	}
	hit := map[string]bool{}
	if results, err := f.Test(); err == nil {
		for _, t := range results {
			for _, name := range t.Hit {
				hit[name] = true
			}
		}
	}
	used := map[string]bool{}
	same := map[string]string{}
	for i := range f.Rules {
		r := &f.Rules[i]
		for _, n := range r.names {
			used[n] = true
		}
		if !hit[r.Name] {
			warn(r, "no test makes it apply")
		}
		if len(r.names) == 0 {
			warn(r, "its condition asks nothing of the event")
		}
		if other, ok := same[r.When]; ok {
			warn(r, "it has the condition of %s", other)
		}
		same[r.When] = r.Name
		if r.ReasonAnalyst == "" {
			warn(r, "it has no reason for the analyst (reason.analyst)")
		}
		if r.Effect == decision.StepUpEffect && r.ReasonUser == "" {
			warn(r, "it has no reason for the user (reason.user); they read: %s", f.Policy.StepUp.ReasonUser)
		}
		if r.Effect == decision.DenyEffect && !r.Shadow && len(r.names) == 1 && strings.HasPrefix(r.names[0], "risk") {
			warn(r, "thresholds.on_severe says the same")
		}
		if r.Rollout == 0 && !r.Shadow {
			warn(r, "it is rolled out to nobody; mode: shadow says so more clearly")
		}
	}
	if f.set != nil {
		for _, c := range f.set.counters {
			for _, n := range c.condition.names {
				used[n] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.counters)) {
		if !used["counters."+name] {
			out = append(out, Problem{0, "counters." + name, "no rule asks it"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.lists)) {
		if !used["lists."+name] {
			out = append(out, Problem{0, "lists." + name, "no rule asks it"})
		}
	}
	return out
}

// Vocabulary is one name that conditions may use.
type Vocabulary struct{ Name, Type, Help string }

// Names lists what conditions may use, in the order in which it is explained.
func Names() []Vocabulary {
	out := make([]Vocabulary, len(facts))
	for i := range facts {
		out[i] = Vocabulary{facts[i].name, facts[i].typ.String(), facts[i].help}
	}
	return out
}
