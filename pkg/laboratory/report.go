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
	// Users that had as many logins, Attacks that set the threshold.
	Users, Attacks int
}

// Report is all that one trial says.
type Report struct {
	Outcome *Outcome
	Cells   []Cell
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
					r.Cells = append(r.Cells, Cell{
						Kind: kind, Comparator: name, TPR: tpr, History: n, Threshold: limit,
						Median: reauthRate(o.Honest[c], n, limit), Mean: meanRate(o.Honest[c], n, limit),
						Users: withHistory(o.Honest[c], n), Attacks: len(attacks[c]),
					})
				}
			}
		}
	}
	return r
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
	count := func(c int) []float64 {
		limit := thresholdAt(r.Outcome.Attacks[kind][c], tpr)
		var hits []float64
		for _, row := range r.Outcome.Honest[c] {
			if len(row) < history {
				continue
			}
			n := 0.0
			for _, s := range row[:history] {
				if s >= limit {
					n++
				}
			}
			hits = append(hits, n)
		}
		return hits
	}
	ha, hb := count(ia), count(ib)
	if len(ha) == 0 {
		return math.NaN(), Interval{math.NaN(), math.NaN()}
	}
	saved := func(draw []int) float64 {
		var sa, sb float64
		for _, i := range draw {
			sa, sb = sa+ha[i], sb+hb[i]
		}
		return 1 - sa/sb
	}
	all := make([]int, len(ha))
	for i := range all {
		all[i] = i
	}
	rng := rand.New(rand.NewPCG(seed, 0x5EED))
	return saved(all), bootstrap(rng, len(ha), bootstrapRounds, saved)
}

// WriteTable prints every cell, a block for each kind of attack.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d honest logins of %d people, %d events in all. Share of a person's first n logins challenged: median (mean) over people.\n",
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
				for _, n := range Histories {
					cell := r.Cell(kind, name, tpr, n)
					fmt.Fprintf(&b, " %16s", fmt.Sprintf("%.3f (%.3f)", cell.Median, cell.Mean))
				}
				b.WriteByte('\n')
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
