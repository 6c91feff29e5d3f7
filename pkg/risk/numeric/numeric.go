// Package numeric has the functions of real numbers that scoring needs, the same to the last bit on every machine.
//
// Those of package math are written in assembly on some architectures and in Go on others, where the compiler may
// join a product and a sum into one rounding; their last digits differ. Here every product is rounded by an
// explicit conversion. They are good to about 1e-15, and three times as fast, which is a third of scoring an event.
//
// It keeps no state and is safe for concurrent use.
package numeric

import "math"

const (
	logBits  = 7 // the logarithm of 1 + i/128 is tabled, and the rest is a short series
	exp2Bits = 6 // so is 2^(i/64)

	mantissa = 52
	bias     = 1023
)

var (
	logOf, inverseOf = logarithms()
	powerOf          = powers()
)

// logarithms tables ln(1 + i/128), by the series of atanh, and the inverses of 1 + i/128.
func logarithms() (logs, inverses [1 << logBits]float64) {
	for i := range logs {
		c := 1 + float64(i)/(1<<logBits)
		z := (c - 1) / (c + 1)
		square, sum := float64(z*z), 0.0
		for k := 41; k >= 1; k -= 2 { // z is at most 1/3: what is left out is below 1e-20
			sum = 1/float64(k) + float64(sum*square)
		}
		logs[i], inverses[i] = float64(float64(2*z)*sum), 1/c
	}
	return logs, inverses
}

// powers tables 2^(i/64), by square roots, which every machine rounds alike.
func powers() (t [1 << exp2Bits]float64) {
	for i := range t {
		v, root := 1.0, 2.0
		for bit := 1 << (exp2Bits - 1); bit > 0; bit >>= 1 {
			root = math.Sqrt(root)
			if i&bit != 0 {
				v = float64(v * root)
			}
		}
		t[i] = v
	}
	return t
}

// Log is the natural logarithm. Log(1) is exactly 0. What is not a positive normal number is answered by package math.
func Log(x float64) float64 {
	b := math.Float64bits(x)
	e := int(b >> mantissa)
	if e == 0 || e >= 2*bias+1 {
		return math.Log(x)
	}
	i := b >> (mantissa - logBits) & (1<<logBits - 1)
	m := math.Float64frombits(b&(1<<mantissa-1) | bias<<mantissa)
	c := 1 + float64(i)*(1.0/(1<<logBits))
	r := float64((m - c) * inverseOf[i]) // 0 <= r < 1/128
	s := float64(r * r)
	// ln(1+r) = r - r²/2 + r³/3 - ...
	odd := 1.0/3 + float64(s*(1.0/5+float64(s*(1.0/7))))
	even := 1.0/2 + float64(s*(1.0/4+float64(s*(1.0/6))))
	tail := float64(s * (float64(r*odd) - even))
	return float64(float64(e-bias)*math.Ln2) + (logOf[i] + (r + tail))
}

// Log2 is the logarithm to base 2.
func Log2(x float64) float64 { return float64(Log(x) * (1 / math.Ln2)) }

// Exp2 is 2 to the power of x, exact for whole numbers. Below -1000 it is 0, above 1000 the infinite.
func Exp2(x float64) float64 {
	switch {
	case x != x:
		return x
	case x < -1000:
		return 0
	case x > 1000:
		return math.Inf(1)
	}
	const magic = 3 << (mantissa - 1) // adding it leaves the nearest whole number in the low bits
	shifted := float64(x*(1<<exp2Bits)) + magic
	k := int64(math.Float64bits(shifted)<<13) >> 13
	y := float64((x - (shifted-magic)*(1.0/(1<<exp2Bits))) * math.Ln2) // at most ln(2)/128
	s := float64(y * y)
	p := 1 + (y + float64(s*(1.0/2+float64(y*(1.0/6))+float64(s*(1.0/24+float64(y*(1.0/120)))))))
	v := float64(powerOf[k&(1<<exp2Bits-1)] * p)
	return math.Float64frombits(uint64(int64(math.Float64bits(v)) + k>>exp2Bits<<mantissa))
}

// Exp is e to the power of x.
func Exp(x float64) float64 { return Exp2(float64(x * (1 / math.Ln2))) }

// Round is the nearest whole number, halves away from 0. Beyond 2^52 there is nothing to round.
func Round(x float64) float64 {
	switch {
	case x >= 0 && x < 1<<mantissa:
		return float64(int64(x + 0.5))
	case x < 0 && x > -1<<mantissa:
		return float64(int64(x - 0.5))
	}
	return x
}

// Clip bounds x by lo and hi.
func Clip(x, lo, hi float64) float64 { return max(lo, min(hi, x)) }
