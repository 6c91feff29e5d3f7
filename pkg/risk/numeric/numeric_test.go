package numeric_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/numeric"
)

const near = 4e-15

func TestLogarithmsAndPowersAgreeWithThoseOfPackageMath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(1e-300, 1e300).Draw(t, "x")
		for _, x := range []float64{x, math.Mod(x, 4) + 1e-9, 1 + 1/(1+x)} {
			if got, want := numeric.Log(x), math.Log(x); math.Abs(got-want) > near*math.Max(1, math.Abs(want)) {
				t.Fatalf("Log(%v) is %v, want %v", x, got, want)
			}
			if got, want := numeric.Log2(x), math.Log2(x); math.Abs(got-want) > near*math.Max(1, math.Abs(want)) {
				t.Fatalf("Log2(%v) is %v, want %v", x, got, want)
			}
		}
		y := rapid.Float64Range(-1000, 1000).Draw(t, "y")
		if got, want := numeric.Exp2(y), math.Exp2(y); math.Abs(got-want) > near*want {
			t.Fatalf("Exp2(%v) is %v, want %v", y, got, want)
		}
		z := math.Mod(y, 30)
		if got, want := numeric.Exp(z), math.Exp(z); math.Abs(got-want) > 10*near*want {
			t.Fatalf("Exp(%v) is %v, want %v", z, got, want)
		}
	})
}

func TestLogarithmsAndPowersKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(1e-6, 1e6).Draw(t, "a")
		b := a * (1 + 1e-12)
		if numeric.Log(a) > numeric.Log(b) {
			t.Fatalf("Log(%v) is more than Log(%v)", a, b)
		}
	})
}

func TestWhatIsExactIsExact(t *testing.T) {
	if got := numeric.Log(1); got != 0 {
		t.Errorf("Log(1) is %v", got)
	}
	for n := -1000; n <= 1000; n++ {
		if got, want := numeric.Exp2(float64(n)), math.Ldexp(1, n); got != want {
			t.Errorf("Exp2(%d) is %v, want %v", n, got, want)
		}
	}
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Exp2 of too much", numeric.Exp2(1001), inf},
		{"Exp2 of too little", numeric.Exp2(-1001), 0},
		{"Exp2 of minus infinity", numeric.Exp2(-inf), 0},
		{"Exp2 of nothing", numeric.Exp2(nan), nan},
		{"Log of nothing", numeric.Log(nan), nan},
		{"Log of 0", numeric.Log(0), -inf},
		{"Log of less than 0", numeric.Log(-1), nan},
		{"Log of infinity", numeric.Log(inf), inf},
		{"Log of a subnormal", numeric.Log(5e-324), math.Log(5e-324)},
		{"Round up", numeric.Round(2.5), 3},
		{"Round down", numeric.Round(-2.5), -3},
		{"Round of much", numeric.Round(1e300), 1e300},
		{"Round of infinity", numeric.Round(-inf), -inf},
		{"Round of nothing", numeric.Round(nan), nan},
		{"Clip above", numeric.Clip(9, -1, 2), 2},
		{"Clip below", numeric.Clip(-9, -1, 2), -1},
		{"Clip of nothing", numeric.Clip(nan, -1, 2), nan},
	} {
		if c.got != c.want && !(c.got != c.got && c.want != c.want) {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

// The bits are part of what an engine's version means: they are pinned, so that a machine that rounds otherwise shows.
func TestTheBitsAreTheSameOnEveryMachine(t *testing.T) {
	var sum uint64
	mix := func(v float64) { sum = (sum ^ math.Float64bits(v)) * 1099511628211 }
	for i := 1; i <= 4096; i++ {
		x := float64(i) / 37
		mix(numeric.Log(x))
		mix(numeric.Exp2(x - 50))
		mix(numeric.Exp(-x / 4))
	}
	const want = 0xca7f9dcdd22e4e3d
	if sum != want {
		t.Errorf("the bits of 12288 values sum up to %#x, want %#x", sum, uint64(want))
	}
}

func BenchmarkLog(b *testing.B) {
	sum := 0.0
	for i := range b.N {
		sum += numeric.Log(1 + float64(i&1023))
	}
	sink = sum
}

func BenchmarkLogOfPackageMath(b *testing.B) {
	sum := 0.0
	for i := range b.N {
		sum += math.Log(1 + float64(i&1023))
	}
	sink = sum
}

func BenchmarkExp2(b *testing.B) {
	sum := 0.0
	for i := range b.N {
		sum += numeric.Exp2(float64(i&1023) / 512)
	}
	sink = sum
}

func BenchmarkExp2OfPackageMath(b *testing.B) {
	sum := 0.0
	for i := range b.N {
		sum += math.Exp2(float64(i&1023) / 512)
	}
	sink = sum
}

var sink float64
