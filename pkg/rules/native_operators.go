package rules

import (
	"math"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
)

func unary(function string, a term) term {
	switch function {
	case operators.LogicalNot:
		if a := a.truth; a != nil {
			return term{truth: func(sc *scene) bool { return !a(sc) }}
		}
	case operators.Negate:
		if a := a.real; a != nil {
			return term{real: func(sc *scene) float64 { return -a(sc) }}
		}
		if a := a.whole; a != nil {
			return term{whole: func(sc *scene) int64 {
				v := a(sc)
				sc.unsure = sc.unsure || v == math.MinInt64
				return -v
			}}
		}
	case overloads.TypeConvertDouble:
		if a := a.whole; a != nil {
			return term{real: func(sc *scene) float64 { return float64(a(sc)) }}
		}
	case overloads.Size:
		if a := a.text; a != nil {
			return term{whole: func(sc *scene) int64 { return int64(utf8.RuneCountInString(a(sc))) }}
		}
		if a := a.texts; a != nil {
			return term{whole: func(sc *scene) int64 { return int64(len(a(sc))) }}
		}
	}
	return term{}
}

func binary(function string, a, b term) term {
	switch function {
	case operators.LogicalAnd:
		if a, b := a.truth, b.truth; a != nil && b != nil {
			return term{truth: func(sc *scene) bool { return a(sc) && b(sc) }}
		}
		return term{}
	case operators.LogicalOr:
		if a, b := a.truth, b.truth; a != nil && b != nil {
			return term{truth: func(sc *scene) bool { return a(sc) || b(sc) }}
		}
		return term{}
	case operators.Index:
		if key := b.text; a.attributes && key != nil {
			return term{text: func(sc *scene) string {
				v, _ := attribute(sc.facts.Event, key(sc))
				return v
			}}
		}
		return term{}
	}
	switch {
	case a.text != nil && b.text != nil:
		return ofTexts(function, a, b)
	case a.whole != nil && b.whole != nil:
		return ofWholes(function, a.whole, b.whole)
	case a.real != nil && b.real != nil:
		return ofReals(function, a.real, b.real)
	case a.truth != nil && b.truth != nil:
		a, b := a.truth, b.truth
		switch function {
		case operators.Equals:
			return term{truth: func(sc *scene) bool { return a(sc) == b(sc) }}
		case operators.NotEquals:
			return term{truth: func(sc *scene) bool { return a(sc) != b(sc) }}
		}
	}
	return term{}
}

func conditional(c, a, b term) term {
	switch c := c.truth; {
	case c == nil:
	case a.truth != nil && b.truth != nil:
		return term{truth: func(sc *scene) bool {
			if c(sc) {
				return a.truth(sc)
			}
			return b.truth(sc)
		}}
	case a.whole != nil && b.whole != nil:
		return term{whole: func(sc *scene) int64 {
			if c(sc) {
				return a.whole(sc)
			}
			return b.whole(sc)
		}}
	case a.real != nil && b.real != nil:
		return term{real: func(sc *scene) float64 {
			if c(sc) {
				return a.real(sc)
			}
			return b.real(sc)
		}}
	case a.text != nil && b.text != nil:
		return term{text: func(sc *scene) string {
			if c(sc) {
				return a.text(sc)
			}
			return b.text(sc)
		}}
	}
	return term{}
}

func ofTexts(function string, x, y term) term {
	a, b := x.text, y.text
	if y.constant { // as nearly always
		var none scene
		v := b(&none)
		if none.unsure {
			return term{}
		}
		switch function {
		case operators.Equals:
			return term{truth: func(sc *scene) bool { return a(sc) == v }}
		case operators.NotEquals:
			return term{truth: func(sc *scene) bool { return a(sc) != v }}
		case overloads.StartsWith:
			return term{truth: func(sc *scene) bool { return strings.HasPrefix(a(sc), v) }}
		case overloads.EndsWith:
			return term{truth: func(sc *scene) bool { return strings.HasSuffix(a(sc), v) }}
		}
	}
	switch function {
	case overloads.StartsWith:
		return term{truth: func(sc *scene) bool { return strings.HasPrefix(a(sc), b(sc)) }}
	case overloads.EndsWith:
		return term{truth: func(sc *scene) bool { return strings.HasSuffix(a(sc), b(sc)) }}
	case overloads.Contains:
		return term{truth: func(sc *scene) bool { return strings.Contains(a(sc), b(sc)) }}
	}
	return ordered(function, a, b)
}

// ordered compares two values of a type in which any two are less, equal or greater. Reals are not: there is NaN.
func ordered[T string | int64](function string, a, b func(*scene) T) term {
	switch function {
	case operators.Equals:
		return term{truth: func(sc *scene) bool { return a(sc) == b(sc) }}
	case operators.NotEquals:
		return term{truth: func(sc *scene) bool { return a(sc) != b(sc) }}
	case operators.Less:
		return term{truth: func(sc *scene) bool { return a(sc) < b(sc) }}
	case operators.LessEquals:
		return term{truth: func(sc *scene) bool { return a(sc) <= b(sc) }}
	case operators.Greater:
		return term{truth: func(sc *scene) bool { return a(sc) > b(sc) }}
	case operators.GreaterEquals:
		return term{truth: func(sc *scene) bool { return a(sc) >= b(sc) }}
	}
	return term{}
}
