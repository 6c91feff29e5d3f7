package laboratory

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/simulate"
)

// What is measured: shares of attacks caught, and lengths of history.
var (
	TPRs      = []float64{0.98, 0.99, 0.995, 0.999}
	Histories = []int{1, 5, 12, 39}
	// LoginAttackers are the kinds that come by a login of their own.
	LoginAttackers = []simulate.Kind{simulate.Naive, simulate.VPN, simulate.Targeted, simulate.VeryTargeted, simulate.Proxy}
)

// bootstrapRounds is enough for two digits of a 95 % interval.
const bootstrapRounds = 400

// Cell is the price of catching a share of one kind of attack with one method.
type Cell struct {
	Kind       simulate.Kind
	Comparator string
	TPR        float64
	History    int
	// Threshold in the method's own unit.
	Threshold float64
	// Median and Mean over users of the share of their first History logins that are challenged.
	Median, Mean float64
	// Spread is the 95 % interval of Mean, over users and attacks drawn anew; only at [SpreadTPR].
	Spread Interval
	// Users that had as many logins, Attacks that set the threshold.
	Users, Attacks int
}

// SpreadTPR is the share of attacks caught at which intervals are worked out.
const SpreadTPR = 0.99

// World is one population played live.
type World struct {
	Name     string
	Weeks    float64
	Sessions *Sessions
}

// Report is all that trials say: logins by every method, and sessions of several worlds by ours.
type Report struct {
	Outcome *Outcome
	Cells   []Cell
	// Worlds played live; nil when only logins were measured.
	Worlds []World
	// Alone is the first of these played by an engine that knows no sessions; nil when it was not.
	Alone *World
	// AUC by kind, then comparator in the outcome's order.
	AUC map[simulate.Kind][]float64
}

// NewReport works out every cell.
func NewReport(o *Outcome) *Report {
	r := &Report{Outcome: o, AUC: map[simulate.Kind][]float64{}}
	for _, kind := range o.Kinds() {
		attacks := o.Attacks[kind]
		for c, name := range o.Comparators {
			r.AUC[kind] = append(r.AUC[kind], auc(slices.Concat(o.Honest[c]...), attacks[c]))
			for _, tpr := range TPRs {
				limit := thresholdAt(attacks[c], tpr)
				for _, n := range Histories {
					cell := Cell{
						Kind: kind, Comparator: name, TPR: tpr, History: n, Threshold: limit,
						Median: reauthRate(o.Honest[c], n, limit), Mean: meanRate(o.Honest[c], n, limit),
						Users: withHistory(o.Honest[c], n), Attacks: len(attacks[c]),
					}
					if tpr == SpreadTPR && n >= spreadHistory {
						cell.Spread = spread(o.Honest[c], attacks[c], tpr, n)
					}
					r.Cells = append(r.Cells, cell)
				}
			}
		}
	}
	return r
}

// spreadHistory is the shortest history for which intervals are worked out.
const spreadHistory = 12

// spread draws users and attacks anew, so that it holds the doubt about the threshold too.
func spread(rows [][]float64, attacks []float64, tpr float64, n int) Interval {
	var long [][]float64
	for _, row := range rows {
		if len(row) >= n {
			long = append(long, row[:n])
		}
	}
	if len(long) == 0 {
		return Interval{math.NaN(), math.NaN()}
	}
	rng := rand.New(rand.NewPCG(uint64(n), 0x5B2EAD))
	return bootstrap(rng, len(long), spreadRounds, func(draw []int) float64 {
		limit := thresholdAt(redraw(rng, attacks), tpr)
		hits := 0
		for _, i := range draw {
			for _, v := range long[i] {
				if v >= limit {
					hits++
				}
			}
		}
		return float64(hits) / float64(n*len(draw))
	})
}

// spreadRounds is enough for an interval in a table.
const spreadRounds = 200

// redraw takes as many values with replacement.
func redraw(rng *rand.Rand, of []float64) []float64 {
	out := make([]float64, len(of))
	for i := range out {
		out[i] = of[rng.IntN(len(of))]
	}
	return out
}

func withHistory(rows [][]float64, n int) int {
	users := 0
	for _, row := range rows {
		if len(row) >= n {
			users++
		}
	}
	return users
}

// Cell finds one figure; NaN where it was not measured.
func (r *Report) Cell(kind simulate.Kind, comparator string, tpr float64, history int) Cell {
	for _, c := range r.Cells {
		if c.Kind == kind && c.Comparator == comparator && c.TPR == tpr && c.History == history {
			return c
		}
	}
	return Cell{Median: math.NaN(), Mean: math.NaN()}
}

// Saved is the share of re-authentications that method a saves against method b at the same
// TPR, over users' first history logins, with its 95 % interval over users.
func (r *Report) Saved(kind simulate.Kind, a, b string, tpr float64, history int, seed uint64) (float64, Interval) {
	ia, ib := slices.Index(r.Outcome.Comparators, a), slices.Index(r.Outcome.Comparators, b)
	if ia < 0 || ib < 0 || r.Outcome.Attacks[kind] == nil {
		return math.NaN(), Interval{math.NaN(), math.NaN()}
	}
	rows := [2][][]float64{r.Outcome.Honest[ia], r.Outcome.Honest[ib]}
	attacks := [2][]float64{r.Outcome.Attacks[kind][ia], r.Outcome.Attacks[kind][ib]}
	var long []int
	for i, row := range rows[0] {
		if len(row) >= history {
			long = append(long, i)
		}
	}
	if len(long) == 0 {
		return math.NaN(), Interval{math.NaN(), math.NaN()}
	}
	saved := func(draw []int, limits [2]float64) float64 {
		var hits [2]float64
		for _, i := range draw {
			for m := range hits {
				for _, s := range rows[m][long[i]][:history] {
					if s >= limits[m] {
						hits[m]++
					}
				}
			}
		}
		return 1 - hits[0]/hits[1]
	}
	all := make([]int, len(long))
	for i := range all {
		all[i] = i
	}
	rng := rand.New(rand.NewPCG(seed, 0x5EED))
	drawn := [2][]float64{make([]float64, len(attacks[0])), make([]float64, len(attacks[1]))}
	in := bootstrap(rng, len(long), bootstrapRounds, func(draw []int) float64 {
		for i := range drawn[0] { // the same attacks for both
			k := rng.IntN(len(drawn[0]))
			drawn[0][i], drawn[1][i] = attacks[0][k], attacks[1][k]
		}
		return saved(draw, [2]float64{thresholdAt(drawn[0], tpr), thresholdAt(drawn[1], tpr)})
	})
	return saved(all, [2]float64{thresholdAt(attacks[0], tpr), thresholdAt(attacks[1], tpr)}), in
}

// WriteTable prints every cell, a block for each kind of attack.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d honest logins of %d people, %d events in all. Share of a person's first n logins challenged: median (mean) over people; at TPR 0.990 with the 95 %% interval of the mean.\n",
		r.Outcome.Logins, len(r.Outcome.Honest[0]), r.Outcome.Events)
	for _, kind := range r.Outcome.Kinds() {
		fmt.Fprintf(&b, "\n%s, %d attacks\n%-26s %6s %7s", kind, len(r.Outcome.Attacks[kind][0]), "method", "AUC", "TPR")
		for _, n := range Histories {
			fmt.Fprintf(&b, " %16s", fmt.Sprintf("n=%d", n))
		}
		b.WriteByte('\n')
		for c, name := range r.Outcome.Comparators {
			for i, tpr := range TPRs {
				label, area := "", ""
				if i == 0 {
					label, area = name, fmt.Sprintf("%.4f", r.AUC[kind][c])
				}
				fmt.Fprintf(&b, "%-26s %6s %7.3f", label, area, tpr)
				interval := ""
				for _, n := range Histories {
					cell := r.Cell(kind, name, tpr, n)
					fmt.Fprintf(&b, " %16s", fmt.Sprintf("%.3f (%.3f)", cell.Median, cell.Mean))
					if tpr == SpreadTPR && n >= spreadHistory {
						interval += fmt.Sprintf("  n=%d: %.3f..%.3f", n, cell.Spread.Low, cell.Spread.High)
					}
				}
				b.WriteString(interval + "\n")
			}
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil || r.Worlds == nil {
		return err
	}
	return r.writeWorlds(w)
}
