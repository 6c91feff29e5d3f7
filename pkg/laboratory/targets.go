package laboratory

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/simulate"
)

// Names of the methods the targets compare.
const (
	Ours         = "riskd"
	PlainFreeman = "freeman"
	TokenFreeman = "freeman+token"
	PointsRule   = "points"
)

// Target is a bound on the median re-authentication rate of our scorer.
type Target struct {
	Kind    simulate.Kind
	TPR     float64
	History int
	// Most is the highest rate that meets the target.
	Most float64
}

// Targets are what we hold ourselves to. The published lines they come from were measured on
// other people; they set the ambition, they are not the same measurement.
var Targets = []Target{
	{simulate.Targeted, 0.99, 12, 0.17},
	{simulate.Targeted, 0.99, 39, 0.03},
	{simulate.Targeted, 0.995, 12, 0.25},
	{simulate.VPN, 0.99, 12, 0.10},
	{simulate.Naive, 0.99, 12, 0.05},
	{simulate.Naive, 0.999, 12, 0.20},
}

// Targets of sessions, on all worlds together: stolen sessions stepped up by the second event, false step-ups in
// 100 hours of honest work after the login, and insiders found within [followed] actions when
// [insiderBudget] of honest sessions are challenged.
const (
	leastStolen    = 0.95
	mostFalse      = 0.5
	leastInsiders  = 0.60
	stolenByEvent2 = 1 // index in Steps
)

// leastSaved is the share of re-authentications to save against plain Freeman at TPR 0.99.
const leastSaved = 0.35

// Verdict holds one report against the targets.
type Verdict struct {
	Lines []string
	OK    bool
}

// Judge checks every target: the rates, the saving against Freeman, and that at none of them
// the points rule or Freeman with a token asks less.
func (r *Report) Judge(seed uint64) Verdict {
	v := Verdict{OK: true}
	check := func(ok bool, format string, args ...any) {
		mark := "met   "
		if !ok {
			mark, v.OK = "MISSED", false
		}
		v.Lines = append(v.Lines, mark+" "+fmt.Sprintf(format, args...))
	}
	for _, t := range Targets {
		ours := r.Cell(t.Kind, Ours, t.TPR, t.History)
		check(ours.Median <= t.Most, "%s at TPR %.3f, first %d logins: median %.3f, at most %.2f", t.Kind, t.TPR, t.History, ours.Median, t.Most)
		for _, rival := range []string{PointsRule, TokenFreeman} {
			theirs := r.Cell(t.Kind, rival, t.TPR, t.History)
			check(ours.Mean < theirs.Mean, "%s at TPR %.3f, first %d logins: mean %.4f, %s %.4f", t.Kind, t.TPR, t.History, ours.Mean, rival, theirs.Mean)
		}
	}
	for _, n := range []int{12, 39} {
		saved, in := r.Saved(simulate.Targeted, Ours, PlainFreeman, 0.99, n, seed)
		check(saved >= leastSaved && in.Low > 0, "targeted at TPR 0.99, first %d logins: %.0f %% fewer than Freeman (95 %% interval %.0f..%.0f)", n, 100*saved, 100*in.Low, 100*in.High)
	}
	if r.Worlds == nil {
		return v
	}
	s, weeks := r.pooled()
	stolen, f := s.Pursuit(simulate.Stolen, (*Takeover).otherAgent), s.Friction(weeks)
	check(stolen.By[stolenByEvent2] >= leastStolen, "stolen sessions with new network and browser, stepped up by the 2nd event: %.1f %% of %d, at least %.0f %% (with cloned browsers among them: %.1f %%)",
		100*stolen.By[stolenByEvent2], stolen.Attacks, 100*leastStolen, 100*s.Pursuit(simulate.Stolen, nil).By[stolenByEvent2])
	check(f.MidPer100Hours <= mostFalse, "false step-ups in 100 session hours, after the login: %.2f, at most %.1f (%.2f of them for a change of surroundings, the rest for deeds; %.2f in 100 hours at work)", f.MidPer100Hours, mostFalse, f.ChangePer100Hours, f.MidPer100WorkHours)
	share, _, deeds := s.AtBudget(simulate.Insider, insiderBudget, followed)
	check(deeds >= leastInsiders, "insiders within %d actions at %.0f %% of sessions challenged for deeds: %.0f %%, at least %.0f %% (if the whole risk has to share that budget: %.0f %%; with the policy as it is: %.0f %%)",
		followed, 100*insiderBudget, 100*deeds, 100*leastInsiders, 100*share, 100*s.Pursuit(simulate.Insider, nil).By[len(Steps)-1])
	return v
}

// Line is the last line of the bench, for scripts.
func (r *Report) Line(v Verdict) string {
	var b strings.Builder
	ours := r.Cell(simulate.Targeted, Ours, 0.99, 12)
	freeman := r.Cell(simulate.Targeted, PlainFreeman, 0.99, 12)
	token := r.Cell(simulate.Targeted, TokenFreeman, 0.99, 12)
	points := r.Cell(simulate.Targeted, PointsRule, 0.99, 12)
	fmt.Fprintf(&b, "detection: targeted_tpr99_h12=%.4f freeman=%.4f ratio=%s freeman_token=%.4f points=%.4f targeted_tpr99_h39=%.4f vpn_tpr99_h12=%.4f naive_tpr99_h12=%.4f naive_tpr999_h12=%.4f",
		ours.Mean, freeman.Mean, ratio(ours.Mean, freeman.Mean), token.Mean, points.Mean,
		r.Cell(simulate.Targeted, Ours, 0.99, 39).Mean, r.Cell(simulate.VPN, Ours, 0.99, 12).Mean,
		r.Cell(simulate.Naive, Ours, 0.99, 12).Mean, r.Cell(simulate.Naive, Ours, 0.999, 12).Mean)
	if r.Worlds != nil {
		s, weeks := r.pooled()
		f := s.Friction(weeks)
		_, _, insiders := s.AtBudget(simulate.Insider, insiderBudget, followed)
		fmt.Fprintf(&b, " stolen_by2=%.4f false_per_100h=%.4f insider_20=%.4f prompts_week=%.4f logins_challenged=%.4f",
			s.Pursuit(simulate.Stolen, (*Takeover).otherAgent).By[stolenByEvent2], f.MidPer100Hours, insiders, f.PerWeek, f.Challenged)
	}
	fmt.Fprintf(&b, " ok=%v", v.OK)
	return b.String()
}

// RecordedLine is the last line of a run over a recorded data set, where there are no targets.
func (r *Report) RecordedLine(rows, bad int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rba: rows=%d bad=%d logins=%d", rows, bad, r.Outcome.Logins)
	for _, kind := range r.Outcome.Kinds() {
		for _, name := range []string{Ours, PlainFreeman} {
			cell := r.Cell(kind, name, 0.99, 12)
			fmt.Fprintf(&b, " %s_tpr99_h12_%s=%.4f", kind, name, cell.Mean)
		}
		if i := slices.Index(r.Outcome.Comparators, Ours); i >= 0 {
			fmt.Fprintf(&b, " %s_auc=%.4f", kind, r.AUC[kind][i])
		}
	}
	return b.String()
}

func ratio(a, b float64) string {
	if b == 0 || math.IsNaN(a) || math.IsNaN(b) {
		return "nan"
	}
	return fmt.Sprintf("%.3f", a/b)
}
