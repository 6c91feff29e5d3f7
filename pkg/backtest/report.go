package backtest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
)

// Report is what would change. Pairs are the live policy's figure and the new one's.
type Report struct {
	tally
	Workers int           `json:"workers"`
	Took    time.Duration `json:"took_ns"`
	// PromptsPerUserWeek by weeks in which a user did anything.
	PromptsPerUserWeek [2]float64 `json:"prompts_per_user_week"`
}

// Case is one session that differs.
type Case struct {
	Tenant  string    `json:"tenant_id"`
	User    string    `json:"user_id"`
	Session string    `json:"session_id"`
	Event   string    `json:"event_id"`
	Time    time.Time `json:"time"`
	Risk    float64   `json:"risk"`
	Rule    string    `json:"rule"`
}

func newReport(workers int) *Report { return &Report{tally: newTally(), Workers: workers} }

// merge adds what one worker counted.
func (r *Report) merge(w *worker) {
	t := &w.tally
	r.Events += t.Events
	r.Counted += t.Counted
	r.NotScored += t.NotScored
	r.UserWeeks += t.UserWeeks
	r.Recorded += t.Recorded
	r.Same += t.Same
	r.Differ += t.Differ
	r.Assumed += t.Assumed
	if r.FirstDiffer == "" {
		r.FirstDiffer = t.FirstDiffer
	}
	if r.First == 0 || t.First != 0 && t.First < r.First {
		r.First = t.First
	}
	r.Last = max(r.Last, t.Last)
	for k, n := range t.OtherVersions {
		r.OtherVersions[k] += n
	}
	for k, n := range t.Changed {
		r.Changed[k] += n
	}
	for name, c := range t.Rules {
		to := r.rule(name)
		for i := range 2 {
			to.Hits[i] += c.Hits[i]
			to.Shadow[i] += c.Shadow[i]
			to.Prompts[i] += c.Prompts[i]
			to.Denials[i] += c.Denials[i]
		}
	}
	r.Users += t.Users
	for i := range 2 {
		r.Prompts[i] += t.Prompts[i]
		r.Sessions[i] += t.Sessions[i]
		r.UsersPrompted[i] += t.UsersPrompted[i]
	}
	r.CountNewly += t.CountNewly
	r.CountNoLonger += t.CountNoLonger
	r.Caught += t.Caught
	r.Missed += t.Missed
	for kind, a := range t.Attacks {
		to := r.attack(kind)
		to.Sessions += a.Sessions
		to.Questioned[0] += a.Questioned[0]
		to.Questioned[1] += a.Questioned[1]
	}
	r.NewlyAsked = append(r.NewlyAsked, t.NewlyAsked...)
	r.NoLongerAsked = append(r.NoLongerAsked, t.NoLongerAsked...)
	r.MissedSessions = append(r.MissedSessions, t.MissedSessions...)
}

// finish sorts, cuts examples and divides.
func (r *Report) finish(examples int) {
	for _, list := range r.lists() {
		*list = riskiest(*list, examples)
	}
	if r.UserWeeks > 0 {
		for i := range 2 {
			r.PromptsPerUserWeek[i] = float64(r.Prompts[i]) / float64(r.UserWeeks)
		}
	}
}

// RuleNames lists the rules that did anything, in order.
func (r *Report) RuleNames() []string { return slices.Sorted(maps.Keys(r.Rules)) }

// Turns lists from which action to which events go, in order.
func (r *Report) Turns() [][2]decision.Action {
	return slices.SortedFunc(maps.Keys(r.Changed), func(a, b [2]decision.Action) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
}

// Write prints the report for people.
func (r *Report) Write(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	defer w.Flush()
	line := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }
	line("%d events of %d users, %d counted (%s to %s), %d not scored", r.Events, r.Users, r.Counted, day(r.First), day(r.Last), r.NotScored)
	switch {
	case r.Recorded == 0:
		line("history holds no decisions to compare with")
	default:
		line("decisions on record: %d; the live policy gives %d of them again byte for byte, %d differ, %d are of other versions", r.Recorded, r.Same, r.Differ, r.Recorded-r.Same-r.Differ)
		for _, v := range slices.Sorted(maps.Keys(r.OtherVersions)) {
			line("  %d by policy %s", r.OtherVersions[v], v)
		}
	}
	line("\n\tlive\tnew\t")
	line("prompts\t%d\t%d\t", r.Prompts[0], r.Prompts[1])
	line("prompts per user and week\t%.4f\t%.4f\t", r.PromptsPerUserWeek[0], r.PromptsPerUserWeek[1])
	line("users prompted\t%d\t%d\t", r.UsersPrompted[0], r.UsersPrompted[1])
	line("sessions questioned or shut\t%d\t%d\t", r.Sessions[0], r.Sessions[1])
	shadows := 0
	for _, name := range r.RuleNames() {
		c := r.Rules[name]
		shadows += c.Shadow[1]
		if name == Threshold {
			name = "risk above the threshold"
		}
		for _, x := range []struct {
			what string
			n    [2]int
		}{{"applied", c.Hits}, {"applied in shadow", c.Shadow}, {"prompts", c.Prompts}, {"sessions shut", c.Denials}} {
			if x.n != [2]int{} {
				line("  %s: %s\t%d\t%d\t", name, x.what, x.n[0], x.n[1])
			}
		}
	}
	if shadows > 0 {
		line("a rule in shadow asks nobody: a copy with mode: enforce shows whom it would ask")
	}
	line("\nsessions questioned only under the new policy: %d; only under the live one: %d", r.CountNewly, r.CountNoLonger)
	for _, k := range r.Turns() {
		line("  events that go from %s to %s: %d", k[0], k[1], r.Changed[k])
	}
	line("attacks caught live (challenge failed and never passed, or labelled): %d; the new policy would not question %d of them", r.Caught, r.Missed)
	if len(r.Attacks) > 0 {
		line("\nsessions labelled as attacks: questioned or shut\tlive\tnew\t")
		for _, kind := range slices.Sorted(maps.Keys(r.Attacks)) {
			a := r.Attacks[kind]
			line("  %s: of %d\t%d\t%d\t", kind, a.Sessions, a.Questioned[0], a.Questioned[1])
		}
	}
	if r.Assumed > 0 {
		line("%d answers assumed: challenges that history does not answer count as passed when the session goes on", r.Assumed)
	}
	cases(w, "newly questioned", r.NewlyAsked)
	cases(w, "no longer questioned", r.NoLongerAsked)
	cases(w, "ATTACKS NO LONGER QUESTIONED", r.MissedSessions)
}

func cases(w io.Writer, title string, list []Case) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s, highest risk first:\n", title)
	for _, c := range list {
		fmt.Fprintf(w, "  %s/%s\tsession %s\t%s\trisk %.1f\tby %s\tevent %s\n", c.Tenant, c.User, c.Session, c.Time.Format(time.DateTime), c.Risk, c.Rule, c.Event)
	}
}

func day(t event.Millis) string {
	if t == 0 {
		return "never"
	}
	return time.UnixMilli(int64(t)).UTC().Format(time.DateOnly)
}
