package laboratory

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/riskd-io/riskd/pkg/simulate"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// Plot geometry, pixels. The left edge of the x axis is 0 challenges, its right edge plotMost.
const (
	plotWidth, plotHeight = 420.0, 240.0
	plotMost              = 0.6
	plotLeastTPR          = 0.80
	plotHistory           = 12
)

// hues tell the methods apart; ours comes first and is drawn thickest.
var hues = []string{"#d6336c", "#1c7ed6", "#0ca678", "#f08c00", "#7048e8", "#868e96", "#a61e4d", "#5c940d", "#364fc7", "#862e9c", "#e8590c", "#087f5b"}

type pageCurve struct {
	Name, Points, Hue string
	Width             float64
}

type pageRow struct {
	Name, AUC string
	Cells     [][]string // by TPR, then history
}

type pageKind struct {
	Kind    simulate.Kind
	Attacks int
	Curves  []pageCurve
	Rows    []pageRow
}

// WritePage writes the report as one HTML page that needs nothing else. About is a line on how
// it was measured.
func (r *Report) WritePage(w io.Writer, v Verdict, about string) error {
	data := struct {
		About     string
		Verdict   Verdict
		Kinds     []pageKind
		TPRs      []float64
		Histories []int
		W, H      float64
		People    int
		Report    *Report
	}{About: about, Verdict: v, TPRs: TPRs, Histories: Histories, W: plotWidth, H: plotHeight, People: len(r.Outcome.Honest[0]), Report: r}
	for _, kind := range r.Outcome.Kinds() {
		attacks := r.Outcome.Attacks[kind]
		k := pageKind{Kind: kind, Attacks: len(attacks[0])}
		for c, name := range r.Outcome.Comparators {
			width := 1.5
			if name == Ours {
				width = 3
			}
			if !strings.Contains(name, " without ") { // ablations stay in the table
				k.Curves = append(k.Curves, pageCurve{name, r.curve(kind, c), hues[c%len(hues)], width})
			}
			row := pageRow{Name: name, AUC: fmt.Sprintf("%.4f", r.AUC[kind][c])}
			for _, tpr := range TPRs {
				var cells []string
				for _, n := range Histories {
					cell := r.Cell(kind, name, tpr, n)
					cells = append(cells, fmt.Sprintf("%.3f (%.3f)", cell.Median, cell.Mean))
				}
				row.Cells = append(row.Cells, cells)
			}
			k.Rows = append(k.Rows, row)
		}
		data.Kinds = append(data.Kinds, k)
	}
	return page.Execute(w, data)
}

// curve is the mean share of challenged first logins (x) for each share of attacks caught (y).
func (r *Report) curve(kind simulate.Kind, c int) string {
	var b strings.Builder
	for tpr := plotLeastTPR; tpr <= 1.0001; tpr += 0.005 {
		rate := meanRate(r.Outcome.Honest[c], plotHistory, thresholdAt(r.Outcome.Attacks[kind][c], min(tpr, 1)))
		x := min(rate, plotMost) / plotMost * plotWidth
		y := (1 - (tpr-plotLeastTPR)/(1-plotLeastTPR)) * plotHeight
		fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
	}
	return b.String()
}
