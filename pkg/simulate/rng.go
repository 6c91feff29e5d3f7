package simulate

import "math/bits"

// rng is splitmix64. The generator carries its own so that a seed gives the same bytes under
// every Go release; it is a value, so a person's day can have one without an allocation.
type rng struct{ s uint64 }

// newRNG mixes any number of words into an independent stream.
func newRNG(words ...uint64) rng {
	r := rng{0x9E3779B97F4A7C15}
	for _, w := range words {
		r.s ^= w
		r.s = r.next()
	}
	return r
}

func (r *rng) next() uint64 {
	r.s += 0x9E3779B97F4A7C15
	z := r.s
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}

// float is uniform in [0, 1).
func (r *rng) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// below is uniform in [0, n); 0 when n <= 0.
func (r *rng) below(n int) int {
	if n <= 0 {
		return 0
	}
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// between is uniform in [a, b].
func (r *rng) between(a, b int64) int64 {
	if b <= a {
		return a
	}
	hi, _ := bits.Mul64(r.next(), uint64(b-a+1))
	return a + int64(hi)
}

func (r *rng) chance(p float64) bool { return r.float() < p }

// around is a triangular draw: mid, give or take spread.
func (r *rng) around(mid, spread int64) int64 {
	return mid + int64((r.float()+r.float()-1)*float64(spread))
}

// weighted picks an index by weight; 0 when all weights are 0.
func (r *rng) weighted(weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := r.float() * sum
	for i, w := range weights {
		if x < w {
			return i
		}
		x -= w
	}
	return 0
}

// curve is an inverse distribution by eleven deciles (0 %, 10 %, ... 100 %), read off what
// people do rather than off a textbook family.
type curve [11]float64

func (r *rng) from(c *curve) float64 {
	x := r.float() * 10
	i := int(x)
	f := x - float64(i)
	return c[i] + (c[i+1]-c[i])*f
}

// pick returns one element of a non-empty slice.
func pick[T any](r *rng, of []T) T { return of[r.below(len(of))] }

// hash64 is FNV-1a, to draw from a name.
func hash64(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
