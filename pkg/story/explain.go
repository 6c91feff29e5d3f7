package story

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/score"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Line is one part of a decision in words.
type Line struct {
	Code string
	// Title is the code for people, e.g. "Impossible travel".
	Title string
	// Words say what was seen, with its numbers; never empty.
	Words string
	// Nats of evidence; negative speaks for the owner.
	Nats float64
}

// Explain puts each part into words, in the order of the parts.
func Explain(parts []decision.Part) []Line {
	out := make([]Line, len(parts))
	for i := range parts {
		p := &parts[i]
		out[i] = Line{Code: p.Code, Title: Title(p.Code), Words: words(p), Nats: p.Nats}
	}
	return out
}

// Parts are the parts of a decision on the wire, for [Explain].
func Parts(d *riskdv1.Decision) []decision.Part {
	out := make([]decision.Part, len(d.GetParts()))
	for i, p := range d.GetParts() {
		out[i] = decision.Part{Code: p.Code, Nats: p.Nats, Detail: make([]decision.Detail, len(p.Detail))}
		for k, v := range p.Detail {
			out[i].Detail[k] = decision.Detail{Key: v.Key, Number: v.GetNumber(), Text: v.GetText()}
			_, out[i].Detail[k].IsText = v.Value.(*riskdv1.Detail_Text)
		}
	}
	return out
}

// Headline is a decision's reason in one line: the strongest evidence in words, what else spoke against the
// session, and the policy rule that decided.
func (d *Decision) Headline() string { return Headline(d.Rule, d.Parts) }

const (
	// also is from how many nats further evidence is named in a headline, and alsoMost how much of it.
	also     = 1.0
	alsoMost = 2
	// telling is the risk below which evidence is not what decided where a rule did.
	telling = 20
)

// Headline is the one-line reason of a decision with this rule ("" for none) and these parts.
func Headline(rule string, parts []decision.Part) string {
	var against []Line
	for _, l := range Explain(parts) {
		if l.Nats > 0 && l.Code != score.Prior {
			against = append(against, l)
		}
	}
	slices.SortStableFunc(against, func(a, b Line) int { return cmp.Compare(b.Nats, a.Nats) })
	if rule != "" && (len(against) == 0 || score.RiskFromParts(parts) < telling) {
		return Rule(rule)
	}
	if len(against) == 0 {
		return "nothing speaks against the user"
	}
	line, _, _ := strings.Cut(against[0].Words, "; ") // what follows is for the whole story
	var more []string
	for _, l := range against[1:] {
		if l.Nats >= also && len(more) < alsoMost {
			more = append(more, lower(l.Title))
		}
	}
	if len(more) > 0 {
		line += "; also " + strings.Join(more, ", ")
	}
	if rule != "" {
		line += "; " + Rule(rule)
	}
	return line
}

// Step is one bar of a waterfall: the risk before and after a part.
type Step struct {
	Line
	// Sum of nats before and after.
	Before, After float64
	// Risk 0..100 after this part.
	Risk float64
}

// Waterfall orders the parts for reading (the prior, what speaks against, strongest first, then what speaks for)
// and adds them up. The last step's Risk is the decision's risk, to the last digit.
func Waterfall(parts []decision.Part) []Step {
	ordered := slices.Clone(parts)
	rank := func(p *decision.Part) int {
		switch {
		case p.Code == score.Prior:
			return 0
		case p.Nats >= 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(ordered, func(a, b decision.Part) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(math.Abs(b.Nats), math.Abs(a.Nats)))
	})
	lines := Explain(ordered)
	steps := make([]Step, len(lines))
	sum := 0.0
	for i, l := range lines {
		before := sum
		// On the grid of thousandths, so that floating point leaves no trace.
		sum = math.Round((sum+l.Nats)*1000) / 1000
		steps[i] = Step{Line: l, Before: before, After: sum, Risk: score.RiskFromParts(ordered[:i+1])}
	}
	return steps
}

// AddsUp tells whether a risk is what its parts say.
func AddsUp(risk float64, parts []decision.Part) bool { return score.RiskFromParts(parts) == risk }

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// plain is a code for people: underscores and dots become spaces.
func plain(code string) string { return strings.NewReplacer("_", " ", ".", " ").Replace(code) }
