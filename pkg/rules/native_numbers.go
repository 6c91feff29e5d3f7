package rules

import (
	"math"
	"math/bits"

	"cel.dev/cel-go/common/operators"
)

func ofReals(function string, a, b func(*scene) float64) term {
	// An order with NaN is an error; equality is not.
	order := func(less, equal, greater bool) term {
		return term{truth: func(sc *scene) bool {
			x, y := a(sc), b(sc)
			switch {
			case x < y:
				return less
			case x > y:
				return greater
			}
			sc.unsure = sc.unsure || x != y
			return equal
		}}
	}
	switch function {
	case operators.Equals:
		return term{truth: func(sc *scene) bool { return a(sc) == b(sc) }}
	case operators.NotEquals:
		return term{truth: func(sc *scene) bool { return a(sc) != b(sc) }}
	case operators.Less:
		return order(true, false, false)
	case operators.LessEquals:
		return order(true, true, false)
	case operators.Greater:
		return order(false, false, true)
	case operators.GreaterEquals:
		return order(false, true, true)
	// The conversions keep the compiler from fusing two operations into one that rounds once.
	case operators.Add:
		return term{real: func(sc *scene) float64 { return float64(a(sc) + b(sc)) }}
	case operators.Subtract:
		return term{real: func(sc *scene) float64 { return float64(a(sc) - b(sc)) }}
	case operators.Multiply:
		return term{real: func(sc *scene) float64 { return float64(a(sc) * b(sc)) }}
	case operators.Divide:
		return term{real: func(sc *scene) float64 { return float64(a(sc) / b(sc)) }}
	}
	return term{}
}

func ofWholes(function string, a, b func(*scene) int64) term {
	switch function {
	case operators.Add:
		return term{whole: func(sc *scene) int64 {
			x, y := a(sc), b(sc)
			sum := x + y
			sc.unsure = sc.unsure || (x^sum)&(y^sum) < 0
			return sum
		}}
	case operators.Subtract:
		return term{whole: func(sc *scene) int64 {
			x, y := a(sc), b(sc)
			rest := x - y
			sc.unsure = sc.unsure || (x^y)&(x^rest) < 0
			return rest
		}}
	case operators.Multiply:
		return term{whole: func(sc *scene) int64 {
			x, y := a(sc), b(sc)
			high, _ := bits.Mul64(magnitude(x), magnitude(y))
			product := x * y
			// Near the bounds it is left to the interpreter to say what fits.
			sc.unsure = sc.unsure || high > 0 || magnitude(product) > 1<<62 || magnitude(x)*magnitude(y) > 1<<62
			return product
		}}
	case operators.Divide:
		return term{whole: func(sc *scene) int64 {
			x, y := a(sc), b(sc)
			if y == 0 || y == -1 && x == math.MinInt64 {
				sc.unsure = true
				return 0
			}
			return x / y
		}}
	case operators.Modulo:
		return term{whole: func(sc *scene) int64 {
			x, y := a(sc), b(sc)
			if y == 0 || y == -1 && x == math.MinInt64 {
				sc.unsure = true
				return 0
			}
			return x % y
		}}
	}
	return ordered(function, a, b)
}

// magnitude is |v|, also of the least number.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}
