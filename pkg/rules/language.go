package rules

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
)

const (
	// MaxCost bounds the worst case of one condition, MaxTotalCost that of all in a file, in CEL's units: about one
	// comparison each.
	MaxCost      = 1_000
	MaxTotalCost = 10_000
	// maxCondition is the longest condition, bytes.
	maxCondition = 4096
	// maxText is the longest text an event may hold (longer ones are refused on arrival), maxTexts the longest list of them.
	maxText  = 256
	maxTexts = 16
)

// functions of CEL that conditions may use. Left out is what depends on the machine (time zones) or can fail on
// odd input (conversions).
var functions = []string{
	operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
	operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
	operators.Index, operators.In,
	overloads.Size, overloads.Contains, overloads.StartsWith, overloads.EndsWith, overloads.Matches, overloads.TypeConvertDouble,
}

// language is CEL with our names.
type language struct {
	env   *cel.Env
	index map[string]int // of a name, in facts and after them in lists
	lists []*list
	// counters come after the lists.
	counters []*counter
	names    []string
}

func newLanguage(lists []*list, counters []*counter) (*language, error) {
	l := &language{index: map[string]int{}, lists: lists, counters: counters}
	subset := env.NewLibrarySubset()
	for _, f := range functions {
		fn := &env.Function{Name: f}
		if f == overloads.TypeConvertDouble {
			fn.Overloads = []*env.Overload{{ID: overloads.IntToDouble}}
		}
		subset.AddIncludedFunctions([]*env.Function{fn}...)
	}
	subset.AddIncludedMacros(operators.All, operators.Exists, operators.ExistsOne)
	opts := []cel.EnvOption{cel.StdLib(cel.StdLibSubset(subset)), cel.ParserExpressionSizeLimit(maxCondition), cel.ParserRecursionLimit(50)}
	for i := range facts {
		opts = append(opts, cel.Variable(facts[i].name, facts[i].typ))
		l.index[facts[i].name] = i
		l.names = append(l.names, facts[i].name)
	}
	for i, li := range lists {
		name := "lists." + li.name
		opts = append(opts, cel.Variable(name, cel.ListType(cel.StringType)))
		l.index[name] = len(facts) + i
		l.names = append(l.names, name)
	}
	for i, c := range counters {
		name := "counters." + c.name
		opts = append(opts, cel.Variable(name, cel.IntType))
		l.index[name] = len(facts) + len(lists) + i
		l.names = append(l.names, name)
	}
	var err error
	l.env, err = cel.NewCustomEnv(opts...)
	return l, err
}

// condition is one compiled condition.
type condition struct {
	program cel.Program
	// native is the same condition in Go; nil where it has no words for it.
	native func(*scene) bool
	// cost is the estimated worst case.
	cost uint64
	// names it refers to.
	names []string
}

// fault is what is wrong with a condition, and on which of its lines.
type fault struct {
	line int // from 0
	text string
}

var undeclared = regexp.MustCompile(`undeclared reference to '([^']*)'`)

// mixed finds CEL's complaint about numbers of two types.
var mixed = regexp.MustCompile(`applied to '\((double, int|int, double)\)'`)

// compile checks types and cost of a condition.
func (l *language) compile(text string) (*condition, []fault) {
	ast, issues := l.env.Compile(text)
	if issues != nil && issues.Err() != nil {
		var out []fault
		for _, e := range issues.Errors() {
			out = append(out, fault{max(0, e.Location.Line()-1), fmt.Sprintf("column %d: %s", e.Location.Column()+1, l.explain(text, e.Message))})
		}
		return nil, out
	}
	if ast.OutputType() != cel.BoolType {
		return nil, []fault{{0, "want true or false, got " + ast.OutputType().String()}}
	}
	estimate, err := l.env.EstimateCost(ast, sizes{l})
	if err != nil {
		return nil, []fault{{0, "estimating its cost: " + err.Error()}}
	}
	if estimate.Max > MaxCost {
		return nil, []fault{{0, fmt.Sprintf("too costly: %d in the worst case, limit %d; compare fewer or shorter things", estimate.Max, MaxCost)}}
	}
	program, err := l.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(l.direct))
	if err != nil {
		return nil, []fault{{0, err.Error()}}
	}
	c := &condition{program: program, native: l.native(ast), cost: estimate.Max}
	for _, ref := range ast.NativeRep().ReferenceMap() {
		if _, ours := l.index[ref.Name]; ours {
			c.names = append(c.names, ref.Name)
		}
	}
	return c, nil
}

// explain adds to CEL's message what was probably meant.
func (l *language) explain(text, message string) string {
	message = strings.TrimSuffix(message, " (in container '')")
	m := undeclared.FindStringSubmatch(message)
	if m == nil {
		if mixed.MatchString(message) {
			message += "; whole numbers and those with a fraction do not mix: write 3.0 beside what has a fraction (riskctl policy facts tells)"
		}
		return message
	}
	// CEL names only the first word of a name with dots.
	whole := regexp.MustCompile(`\b` + regexp.QuoteMeta(m[1]) + `(\.\w+)*`).FindString(text)
	if whole == "" {
		whole = m[1]
	}
	return fmt.Sprintf("%s is no fact, list or function%s", whole, suggest(whole, append(l.names, "size", "contains", "startsWith", "endsWith", "matches")))
}

// sizes bounds what the facts can hold, for the estimate.
type sizes struct{ *language }

// EstimateSize implements [cost.Estimator].
func (s sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if c := n.ComputedSize(); c != nil {
		return c
	}
	top := uint64(maxText)
	if path := n.Path(); len(path) > 0 {
		if i, ours := s.index[path[0]]; ours && len(path) == 1 {
			switch {
			case i >= len(facts)+len(s.lists):
			case i >= len(facts):
				top = uint64(s.lists[i-len(facts)].size)
			case facts[i].typ.Kind() == cel.ListKind || facts[i].typ.Kind() == cel.MapKind:
				top = maxTexts
			}
		}
	}
	return &cost.SizeEstimate{Min: 0, Max: top}
}

// EstimateCallCost implements [cost.Estimator]: asking one of our lists is one look-up, however long it is.
func (s sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if function != operators.In || len(args) != 2 {
		return nil
	}
	if path := args[1].Path(); len(path) == 1 && s.index[path[0]] >= len(facts) && s.index[path[0]] < len(facts)+len(s.lists) {
		return &cost.CallEstimate{CostEstimate: cost.FixedCostEstimate(8)}
	}
	return nil
}
