package laboratory

import (
	"math"
	"math/rand/v2"
	"slices"
)

// thresholdAt is the highest threshold that still catches the share tpr of the attacks when
// every login with score >= threshold is challenged. NaN without attacks.
func thresholdAt(attacks []float64, tpr float64) float64 {
	if len(attacks) == 0 {
		return math.NaN()
	}
	s := slices.Clone(attacks)
	slices.Sort(s)
	miss := int(math.Floor((1 - tpr) * float64(len(s)) * (1 + 1e-12)))
	return s[min(miss, len(s)-1)]
}

// reauthRate is the median over users of the share of their first n logins that score at or
// above the threshold; users with fewer logins are left out. Each row is one user's scores in
// login order. NaN when nobody has n logins.
func reauthRate(rows [][]float64, n int, threshold float64) float64 {
	rates := make([]float64, 0, len(rows))
	for _, row := range rows {
		if len(row) < n {
			continue
		}
		hits := 0
		for _, s := range row[:n] {
			if s >= threshold {
				hits++
			}
		}
		rates = append(rates, float64(hits)/float64(n))
	}
	return median(rates)
}

// meanRate is [reauthRate] with the mean, which the median of a few lucky users cannot hide.
func meanRate(rows [][]float64, n int, threshold float64) float64 {
	var sum, users float64
	for _, row := range rows {
		if len(row) < n {
			continue
		}
		users++
		for _, s := range row[:n] {
			if s >= threshold {
				sum++
			}
		}
	}
	return sum / (users * float64(n))
}

// auc is the probability that an attack scores above an honest login, ties counting half
// (Mann-Whitney).
func auc(honest, attacks []float64) float64 {
	if len(honest) == 0 || len(attacks) == 0 {
		return math.NaN()
	}
	h := slices.Clone(honest)
	slices.Sort(h)
	sum := 0.0
	for _, a := range attacks {
		below, _ := slices.BinarySearch(h, a)
		upto, _ := slices.BinarySearchFunc(h, a, func(x, t float64) int {
			if x <= t {
				return -1
			}
			return 1
		})
		sum += float64(below) + float64(upto-below)/2
	}
	return sum / float64(len(h)) / float64(len(attacks))
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// Interval is a 95 % bootstrap interval.
type Interval struct{ Low, High float64 }

// bootstrap draws users with replacement and returns the 2.5 and 97.5 percentiles of what
// estimate makes of each draw.
func bootstrap(rng *rand.Rand, users, rounds int, estimate func(draw []int) float64) Interval {
	results := make([]float64, 0, rounds)
	draw := make([]int, users)
	for range rounds {
		for i := range draw {
			draw[i] = rng.IntN(users)
		}
		if v := estimate(draw); !math.IsNaN(v) {
			results = append(results, v)
		}
	}
	if len(results) == 0 {
		return Interval{math.NaN(), math.NaN()}
	}
	slices.Sort(results)
	at := func(q float64) float64 { return results[int(q*float64(len(results)-1)+0.5)] }
	return Interval{at(0.025), at(0.975)}
}
