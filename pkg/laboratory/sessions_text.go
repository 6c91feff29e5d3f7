package laboratory

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/riskd-io/riskd/pkg/simulate"
)

// WriteText prints what one world has shown, for people: prompts and their causes, honest logins by
// what was odd about them, and attackers by kind. Weeks is how long the world lasted.
func (s *Sessions) WriteText(w io.Writer, weeks float64) error {
	f := s.Friction(weeks)
	fmt.Fprintf(w, "honest people: %d prompts for risk, %.3f per person and week (p95 %.2f), %.2f in 100 session hours, %.2f of these in mid-session (%.2f in 100 hours at work); %d prompts by rule; challenges: %d satisfied, %d denied, %d expired; duplicate %d, late %d, dead %d\n\n",
		s.Prompts, f.PerWeek, f.PerWeekP95, f.Per100Hours, f.MidPer100Hours, f.MidPer100WorkHours, s.RulePrompts, s.Satisfied, s.Denied, s.Expired, s.Duplicate, s.Late, s.Dead)
	totals := map[string]int{}
	for code, m := range s.Causes {
		totals[code] = m[""]
	}
	for _, code := range byCount(totals) {
		fmt.Fprintf(w, "  %5d prompts mostly for %s:", totals[code], words(code))
		odd := maps.Clone(s.Causes[code])
		delete(odd, "")
		for _, name := range byCount(odd) {
			fmt.Fprintf(w, " %s %d,", words(name), odd[name])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "honest\tnumber\tchallenged\tshare\trisk p50\tp90\tp97\tp99\t")
	for _, name := range slices.Sorted(maps.Keys(s.Sorts)) {
		g := s.Sorts[name]
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f %%\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, g.Events, g.Prompted, 100*float64(g.Prompted)/float64(g.Events),
			quantile(g.Risks, 0.5), quantile(g.Risks, 0.9), quantile(g.Risks, 0.97), quantile(g.Risks, 0.99))
	}
	fmt.Fprintln(t, "\t\t\t\t\t\t\t\t")
	if err := t.Flush(); err != nil {
		return err
	}
	return s.writePursuits(w)
}

// writePursuits prints a line for each kind of attacker.
func (s *Sessions) writePursuits(w io.Writer) error {
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "attacker\tattacks\tby event 1\t2\t5\t20\tat login\tonly by rule\tmissed\tactions p50\tp95\tseconds p50\tp95\tdeeds before\t")
	for _, kind := range SessionKinds {
		p := s.Pursuit(kind, nil)
		if p.Attacks == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\t\n", words(string(kind)), p.Attacks,
			percent(p.By[0]), percent(p.By[1]), percent(p.By[2]), percent(p.By[3]), percent(p.AtLogin), percent(p.Rule), percent(p.Never),
			finite(p.Actions), finite(p.ActionsP95), finite(p.Seconds), finite(p.SecondsP95), p.Deeds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if share, level, deeds := s.AtBudget(simulate.Insider, insiderBudget, followed); !math.IsNaN(share) {
		_, err := fmt.Fprintf(w, "insiders within %d actions, if %.0f %% of honest sessions were challenged: %s by the whole risk (from %.1f), %s by their deeds alone\n", followed, 100*insiderBudget, percent(share), level, percent(deeds))
		return err
	}
	return nil
}

// writeWorlds prints a line for each world played live, then the attackers of all of them together.
func (r *Report) writeWorlds(w io.Writer) error {
	fmt.Fprintf(w, "\nWhole sessions, played live with the policy: flags are shown, the honest answer, thieves fail.\nPrompts are those for risk; hours are those of sessions without pauses over 8 hours, at work without pauses over 30 minutes;\nmid-session is after the login; insiders within %d actions: with the policy, and when %.0f %% of honest sessions are challenged, by the whole risk and by deeds alone.\n\n", followed, 100*insiderBudget)
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "world\tlogins\tchallenged\tper person, week\tp95\tper 100 h\tmid-session\tfor change\tat work\tstolen by 1\t2\t5\tactions p95\tinsider\tat 1 %\tby deeds\tpoisoner logins p50\tspray by 1\t")
	for _, x := range append(slices.Clone(r.Worlds), World{"all", 0, nil}) {
		s, weeks := x.Sessions, x.Weeks
		if s == nil {
			s, weeks = r.pooled()
		}
		f := s.Friction(weeks)
		stolen, insider, poisoner, spray := s.Pursuit(simulate.Stolen, nil), s.Pursuit(simulate.Insider, nil), s.Pursuit(simulate.Poisoner, nil), s.Pursuit(simulate.Spray, nil)
		at, _, deeds := s.AtBudget(simulate.Insider, insiderBudget, followed)
		fmt.Fprintf(t, "%s\t%d\t%.2f %%\t%.3f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", x.Name, f.Logins, 100*f.Challenged, f.PerWeek, f.PerWeekP95,
			f.Per100Hours, f.MidPer100Hours, f.ChangePer100Hours, f.MidPer100WorkHours, percent(stolen.By[0]), percent(stolen.By[1]), percent(stolen.By[2]), finite(stolen.ActionsP95),
			percent(insider.By[3]), percent(at), percent(deeds), finite(poisoner.Logins), percent(spray.By[0]))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if line := r.aloneLine(); line != "" {
		fmt.Fprintln(w, "\n"+line)
	}
	fmt.Fprintln(w, "\nThe same attackers in all worlds together; shares are of all attacks, never is infinite.")
	s, _ := r.pooled()
	return s.writePursuits(w)
}

// aloneLine sets the first world beside the same one played without sessions.
func (r *Report) aloneLine() string {
	if r.Alone == nil || len(r.Worlds) == 0 {
		return ""
	}
	say := func(w *World) string {
		s, f := w.Sessions, w.Sessions.Friction(w.Weeks)
		_, _, deeds := s.AtBudget(simulate.Insider, insiderBudget, followed)
		return fmt.Sprintf("stolen sessions by the 2nd event %s, insiders by deeds %s, %.3f prompts per person and week, %.2f false step-ups in 100 session hours after the login",
			percent(s.Pursuit(simulate.Stolen, nil).By[stolenByEvent2]), percent(deeds), f.PerWeek, f.MidPer100Hours)
	}
	return fmt.Sprintf("Ablation, world %s: with sessions %s; without, each event alone: %s.", r.Alone.Name, say(&r.Worlds[0]), say(r.Alone))
}

// pooled is all worlds as one, and how long one of them lasted.
func (r *Report) pooled() (*Sessions, float64) {
	var all []*Sessions
	weeks := 0.0
	for _, w := range r.Worlds {
		all = append(all, w.Sessions)
		weeks = w.Weeks
	}
	return Pool(all...), weeks
}

// byCount orders a count's names, most first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}

func words(code string) string { return strings.ReplaceAll(code, "_", " ") }

func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// finite prints a figure that may be infinite: the attack was never stepped up.
func finite(v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	return fmt.Sprintf("%.0f", v)
}
