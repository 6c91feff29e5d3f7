package laboratory

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
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
var hues = []string{"#d6336c", "#1c7ed6", "#0ca678", "#f08c00", "#7048e8", "#868e96", "#15aabf", "#5c940d", "#364fc7", "#862e9c", "#e8590c", "#087f5b", "#b08900", "#495057"}

type pageCurve struct {
	Name, Points, Hue string
	Width             float64
}

type pageRow struct {
	Name, AUC, Spread string
	Ours              bool
	At99              []string   // by history
	Cells             [][]string // by TPR, then history
}

type pageBar struct {
	Name, Value string
	Width       float64 // percent
	Ours        bool
}

type pageKind struct {
	Kind        simulate.Kind
	Title, What string
	Attacks     int
	Bars        []pageBar
	Curves      []pageCurve // ours last, so that it is drawn over the others
	Legend      []pageCurve
	Rows        []pageRow
}

type pageLine struct {
	Name  string
	Cells []string
	Sum   bool
}

// strangers says who comes, for people who do not know the names.
var strangers = map[simulate.Kind][2]string{
	simulate.Naive:        {"Naive thief", "Any place, a popular browser."},
	simulate.VPN:          {"Thief behind a VPN", "The victim's country by a rented exit."},
	simulate.Targeted:     {"Targeted", "The victim's city, a popular provider there, a popular browser."},
	simulate.VeryTargeted: {"Very targeted", "The victim's own network and browser."},
	simulate.Proxy:        {"Residential proxy", "A line near the victim, a cloned browser."},
	RecordedTakeover:      {"Account take-over", "Logins marked so in the data set."},
	RecordedAttackIP:      {"Known attack address", "Attempts from addresses marked so, as if the password had been right."},
}

// rivals are the methods worth a bar, ours first.
var rivals = []string{Ours, PointsRule, TokenFreeman, PlainFreeman, "keycloak adaptive", "exact ip+ua", "panther", "authentik (fixed)"}

// WritePage writes the report as one HTML page that needs nothing else. About is a line on how
// it was measured.
func (r *Report) WritePage(w io.Writer, v Verdict, about string) error {
	data := struct {
		About            string
		Verdict          Verdict
		Missed, Cheaper  []string
		Met              int
		Kinds            []pageKind
		Worlds, Pursuits []pageLine
		Alone            string
		TPRs             []float64
		Histories        []int
		W, H             float64
		People           int
	}{About: about, Verdict: v, TPRs: TPRs, Histories: Histories, W: plotWidth, H: plotHeight, People: len(r.Outcome.Honest[0])}
	for _, l := range v.Lines {
		if rest, missed := strings.CutPrefix(l, "MISSED"); missed {
			data.Missed = append(data.Missed, strings.TrimSpace(rest))
		}
	}
	data.Met = len(v.Lines) - len(data.Missed)
	for _, kind := range r.Outcome.Kinds() {
		data.Kinds = append(data.Kinds, r.pageKind(kind))
		ours := r.Cell(kind, Ours, SpreadTPR, plotHistory)
		for _, name := range r.Outcome.Comparators {
			if theirs := r.Cell(kind, name, SpreadTPR, plotHistory); theirs.Mean < ours.Mean && !strings.Contains(name, " without ") {
				data.Cheaper = append(data.Cheaper, fmt.Sprintf("%s: %s challenges %.1f %%, riskd %.1f %% (95 %% intervals %.1f to %.1f and %.1f to %.1f)", strangers[kind][0], name,
					100*theirs.Mean, 100*ours.Mean, 100*theirs.Spread.Low, 100*theirs.Spread.High, 100*ours.Spread.Low, 100*ours.Spread.High))
			}
		}
	}
	if r.Worlds != nil {
		data.Worlds, data.Pursuits = r.pageWorlds()
		data.Alone = r.aloneLine()
	}
	return page.Execute(w, data)
}

func (r *Report) pageKind(kind simulate.Kind) pageKind {
	attacks := r.Outcome.Attacks[kind]
	k := pageKind{Kind: kind, Title: strangers[kind][0], What: strangers[kind][1], Attacks: len(attacks[0])}
	for _, name := range rivals {
		if mean := r.Cell(kind, name, SpreadTPR, plotHistory).Mean; !math.IsNaN(mean) {
			k.Bars = append(k.Bars, pageBar{name, fmt.Sprintf("%.1f %%", 100*mean), 100 * mean, name == Ours})
		}
	}
	for c, name := range r.Outcome.Comparators {
		width := 1.5
		if name == Ours {
			width = 3.5
		}
		if !strings.Contains(name, " without ") { // ablations stay in the table
			k.Curves = append(k.Curves, pageCurve{name, r.curve(kind, c), hues[c%len(hues)], width})
		}
		row := pageRow{Name: name, AUC: fmt.Sprintf("%.4f", r.AUC[kind][c]), Ours: name == Ours}
		for _, tpr := range TPRs {
			var cells []string
			for _, n := range Histories {
				cell := r.Cell(kind, name, tpr, n)
				text := fmt.Sprintf("%.3f (%.3f)", cell.Median, cell.Mean)
				cells = append(cells, text)
				if tpr == SpreadTPR {
					row.At99 = append(row.At99, text)
				}
				if tpr == SpreadTPR && n == plotHistory {
					row.Spread = fmt.Sprintf("%.3f to %.3f", cell.Spread.Low, cell.Spread.High)
				}
			}
			row.Cells = append(row.Cells, cells)
		}
		k.Rows = append(k.Rows, row)
	}
	k.Legend = slices.Clone(k.Curves)
	slices.Reverse(k.Curves)
	return k
}

func (r *Report) pageWorlds() (worlds, pursuits []pageLine) {
	pool, weeks := r.pooled()
	for _, w := range append(slices.Clone(r.Worlds), World{"all", weeks, pool}) {
		s := w.Sessions
		f, stolen, insider, spray := s.Friction(w.Weeks), s.Pursuit(simulate.Stolen, nil), s.Pursuit(simulate.Insider, nil), s.Pursuit(simulate.Spray, nil)
		_, _, deeds := s.AtBudget(simulate.Insider, insiderBudget, followed)
		worlds = append(worlds, pageLine{w.Name, []string{
			fmt.Sprintf("%.2f %%", 100*f.Challenged), fmt.Sprintf("%.2f", f.PerWeek), fmt.Sprintf("%.2f", f.PerWeekP95), fmt.Sprintf("%.2f", f.MidPer100Hours), fmt.Sprintf("%.2f", f.MidPer100WorkHours),
			percent(stolen.By[0]), percent(stolen.By[1]), percent(stolen.By[2]), percent(insider.By[3]), percent(deeds), percent(spray.By[0]),
		}, s == pool})
	}
	for _, kind := range SessionKinds {
		p := pool.Pursuit(kind, nil)
		if p.Attacks == 0 {
			continue
		}
		pursuits = append(pursuits, pageLine{words(string(kind)), []string{
			fmt.Sprint(p.Attacks), percent(p.By[0]), percent(p.By[1]), percent(p.By[2]), percent(p.By[3]), percent(p.Rule), percent(p.Never),
			finite(p.Actions), finite(p.ActionsP95), finite(p.Seconds), finite(p.SecondsP95), percent(p.Robbed),
		}, false})
	}
	return worlds, pursuits
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
