package rules

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// A condition that CEL has checked becomes a tree of Go functions over its static types: no values in interfaces, no look-up of
// names, no allocation. What the tree has no word for (comprehensions, regular expressions) leaves the whole
// condition to CEL's interpreter, and so does an evaluation in which anything may fail (an overflow, a division by zero, an order
// with NaN): it sets scene.unsure, and the interpreter judges that event from the start. So the interpreter stays the definition.

// term is one node of the tree: exactly one of its functions is set, by its type.
type term struct {
	truth func(*scene) bool
	whole func(*scene) int64
	real  func(*scene) float64
	text  func(*scene) string
	texts func(*scene) []string
	// attributes tells that it is event.attributes; address that it is network.ip, and list which one it is.
	attributes, address bool
	list                *list
	// constant tells that it is the same for every event.
	constant bool
}

// translator makes terms of one checked condition.
type translator struct {
	*language
	ast *ast.AST
}

// native translates a condition; nil leaves it to the interpreter.
func (l *language) native(checked *cel.Ast) func(*scene) bool {
	t := translator{l, checked.NativeRep()}
	return t.term(t.ast.Expr()).truth
}

// term translates one node; the zero term tells that it cannot.
func (t translator) term(e ast.Expr) term {
	switch e.Kind() {
	case ast.LiteralKind:
		return literal(e)
	case ast.IdentKind:
		if i, ours := t.index[e.AsIdent()]; ours {
			return t.name(i)
		}
	case ast.CallKind:
		return t.call(e.AsCall())
	}
	return term{}
}

func literal(e ast.Expr) term {
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		return term{truth: func(*scene) bool { return bool(v) }, constant: true}
	case types.Int:
		return term{whole: func(*scene) int64 { return int64(v) }, constant: true}
	case types.Double:
		return term{real: func(*scene) float64 { return float64(v) }, constant: true}
	case types.String:
		s := string(v)
		return term{text: func(*scene) string { return s }, constant: true}
	}
	return term{}
}

// name is a fact, a list or a counter.
func (t translator) name(i int) term {
	switch n := len(facts) + len(t.lists); {
	case i >= n:
		k := i - n
		return term{whole: func(sc *scene) int64 { return int64(min(sc.facts.Counters[k], 1<<62)) }}
	case i >= len(facts):
		return term{list: t.lists[i-len(facts)]}
	}
	f := &facts[i]
	switch {
	case f.text != nil:
		get := f.text
		return term{text: func(sc *scene) string { return get(sc.facts) }, address: f.name == addressFact}
	case f.number != nil:
		get := f.number
		return term{real: func(sc *scene) float64 { return get(sc.facts) }}
	case f.whole != nil:
		get := f.whole
		return term{whole: func(sc *scene) int64 { return get(sc.facts) }}
	case f.yesNo != nil:
		get := f.yesNo
		return term{truth: func(sc *scene) bool { return get(sc.facts) }}
	case f.texts != nil:
		get := f.texts
		return term{texts: func(sc *scene) []string { return get(sc.facts) }}
	}
	return term{attributes: f.name == attributesFact}
}

func (t translator) call(c ast.CallExpr) term {
	exprs := c.Args()
	if c.IsMemberFunction() {
		exprs = append([]ast.Expr{c.Target()}, exprs...)
	}
	if c.FunctionName() == operators.In && len(exprs) == 2 {
		return t.in(exprs[0], exprs[1])
	}
	args := make([]term, len(exprs))
	constant := true
	for i, e := range exprs {
		args[i] = t.term(e)
		constant = constant && args[i].constant
	}
	var out term
	switch len(args) {
	case 1:
		out = unary(c.FunctionName(), args[0])
	case 2:
		out = binary(c.FunctionName(), args[0], args[1])
	case 3:
		if c.FunctionName() == operators.Conditional {
			out = conditional(args[0], args[1], args[2])
		}
	}
	if constant {
		return fold(out)
	}
	return out
}

// fold computes what is the same for every event once.
func fold(n term) term {
	var sc scene
	switch {
	case n.truth != nil:
		if v := n.truth(&sc); !sc.unsure {
			return term{truth: func(*scene) bool { return v }, constant: true}
		}
	case n.whole != nil:
		if v := n.whole(&sc); !sc.unsure {
			return term{whole: func(*scene) int64 { return v }, constant: true}
		}
	case n.real != nil:
		if v := n.real(&sc); !sc.unsure {
			return term{real: func(*scene) float64 { return v }, constant: true}
		}
	}
	return n
}

// in tells whether a list holds something.
func (t translator) in(what, where ast.Expr) term {
	a := t.term(what)
	if where.Kind() == ast.ListKind {
		return inLiteral(a, where.AsList())
	}
	b := t.term(where)
	text := a.text
	switch {
	case text == nil:
	case b.list != nil && a.address && b.list.holdsAddress != nil:
		holds := b.list.holdsAddress
		return term{truth: func(sc *scene) bool { return holds(sc.facts.Event.Network.IP) }}
	case b.list != nil:
		holds := b.list.holds
		return term{truth: func(sc *scene) bool { return holds(text(sc), sc.facts) }}
	case b.texts != nil:
		return term{truth: func(sc *scene) bool { return slices.Contains(b.texts(sc), text(sc)) }}
	case b.attributes:
		return term{truth: func(sc *scene) bool {
			_, found := attribute(sc.facts.Event, text(sc))
			return found
		}}
	}
	return term{}
}

// inLiteral is in with a list written out, all constants of one type.
func inLiteral(a term, l ast.ListExpr) term {
	if len(l.OptionalIndices()) > 0 {
		return term{}
	}
	var texts []string
	var wholes []int64
	for _, e := range l.Elements() {
		if e.Kind() != ast.LiteralKind {
			return term{}
		}
		switch v := e.AsLiteral().(type) {
		case types.String:
			texts = append(texts, string(v))
		case types.Int:
			wholes = append(wholes, int64(v))
		default:
			return term{}
		}
	}
	switch text, whole := a.text, a.whole; {
	case text != nil && len(texts) == l.Size():
		return term{truth: func(sc *scene) bool { return slices.Contains(texts, text(sc)) }}
	case whole != nil && len(wholes) == l.Size():
		return term{truth: func(sc *scene) bool { return slices.Contains(wholes, whole(sc)) }}
	}
	return term{}
}

// attribute is the last of an event's attributes with that key; "" when there is none.
func attribute(ev *event.Event, key string) (value string, found bool) {
	for i := len(ev.Attributes) - 1; i >= 0; i-- {
		if ev.Attributes[i].Key == key {
			return ev.Attributes[i].Value, true
		}
	}
	return "", false
}
