package rules

import (
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// Expect is what an example wants of a decision; what is left out is not compared.
type Expect struct {
	Action *string `yaml:"action"`
	State  *string `yaml:"state"`
	// Rule that decided; "" when none did.
	Rule *string `yaml:"rule"`
	// Hits and Shadow are all the rules that applied, in any order.
	Hits   []string `yaml:"hits"`
	Shadow []string `yaml:"shadow"`
	// Scope of what is required now: "session", or what waits for the proof, such as "resource.export", "report/r1" or
	// "restricted" and above; several are separated by spaces.
	Scope *string `yaml:"scope"`
	// Reason shown to the user with the challenge that this event raised.
	Reason *string `yaml:"reason"`
}

func (p *play) compare(s *Step) {
	d, want := &p.d, s.Expect
	if d.Status != decision.Scored {
		p.fault(s, "the event was not scored: %s", d.Reason)
		return
	}
	text := func(what, got string, want *string) {
		if want != nil && got != *want {
			p.fault(s, "%s: got %q, want %q (risk %.1f, rule %q)", what, got, *want, d.Risk, d.Rule)
		}
	}
	text("action", string(d.Action), want.Action)
	text("state", d.SessionState, want.State)
	text("rule", d.Rule, want.Rule)
	reason := ""
	if n := len(d.Signals); n > 0 {
		reason = d.Signals[n-1].ReasonUser
	}
	text("reason", reason, want.Reason)
	text("scope", required(d.Signals), want.Scope)
	p.names(s, "hits", want.Hits, false)
	p.names(s, "shadow", want.Shadow, true)
}

// required is what the latest signal wants proven, in words; "" when nothing is.
func required(signals []signal.Signal) string {
	if len(signals) == 0 || signals[len(signals)-1].State != signal.Required {
		return ""
	}
	s := &signals[len(signals)-1].Scope
	if s.Whole() {
		return "session"
	}
	var words []string
	for _, w := range []string{s.Action, strings.TrimSuffix(s.ResourceType+"/"+s.ResourceID, "/")} {
		if w != "" {
			words = append(words, w)
		}
	}
	if s.Class != 0 {
		words = append(words, name(sensitivityNames[:], uint8(s.Class)))
	}
	return strings.Join(words, " ")
}

func (p *play) names(s *Step, what string, want []string, shadow bool) {
	if want == nil {
		return
	}
	got := []string{}
	for i := range p.d.Hits {
		if p.d.Hits[i].Shadow == shadow {
			got = append(got, p.d.Hits[i].Rule)
		}
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		p.fault(s, "%s: got [%s], want [%s]", what, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}
