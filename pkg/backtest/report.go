package backtest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
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

// tally is what a worker counts by itself.
type tally struct {
	// Events played; Counted of them lie between From and To; NotScored were duplicates, late or refused.
	Events    int `json:"events"`
	Counted   int `json:"counted"`
	NotScored int `json:"not_scored"`
	UserWeeks int `json:"user_weeks"`
	// Recorded decisions in history: the Same ones, those that Differ, and those that other versions made.
	Recorded      int            `json:"recorded"`
	Same          int            `json:"reproduced"`
	Differ        int            `json:"not_reproduced"`
	FirstDiffer   string         `json:"first_difference,omitempty"`
	OtherVersions map[string]int `json:"other_versions"`
	// Assumed answers, see [Answers].
	Assumed     int                        `json:"assumed_answers"`
	First, Last event.Millis               `json:"-"`
	Changed     map[[2]decision.Action]int `json:"-"`
	Rules       map[string]*RuleCount      `json:"rules"`

	Users int `json:"users"`
	// Prompts, and the sessions and users they went to.
	Prompts       [2]int `json:"prompts"`
	Sessions      [2]int `json:"sessions_questioned"`
	UsersPrompted [2]int `json:"users_prompted"`
	CountNewly    int    `json:"newly_questioned_sessions"`
	CountNoLonger int    `json:"no_longer_questioned_sessions"`
	Caught        int    `json:"attacks_caught_live"`
	Missed        int    `json:"attacks_missed_new"`
	// Attacks are the sessions known to be attacks, by kind.
	Attacks map[string]*Attack `json:"attacks_labelled"`
	// The riskiest of each.
	NewlyAsked     []Case `json:"newly_questioned"`
	NoLongerAsked  []Case `json:"no_longer_questioned"`
	MissedSessions []Case `json:"missed_attacks"`
}

// Threshold stands among the rules for the risk itself.
const Threshold = "risk"

// RuleCount is what one rule did, or the [Threshold].
type RuleCount struct {
	Hits    [2]int `json:"hits"`
	Shadow  [2]int `json:"shadow_hits"`
	Prompts [2]int `json:"prompts"`
	Denials [2]int `json:"denials"`
}

// Labelled is the kind of an attack that somebody has labelled as one: by feedback.
const Labelled = "by feedback"

// Attack is how many sessions are known to be of a kind of attack, and how many of them are questioned or shut.
type Attack struct {
	Sessions   int    `json:"sessions"`
	Questioned [2]int `json:"questioned"`
}

func newTally() tally {
	return tally{OtherVersions: map[string]int{}, Changed: map[[2]decision.Action]int{}, Rules: map[string]*RuleCount{}, Attacks: map[string]*Attack{}}
}

func (t *tally) attack(kind string) *Attack {
	a := t.Attacks[kind]
	if a == nil {
		a = &Attack{}
		t.Attacks[kind] = a
	}
	return a
}

func (t *tally) rule(name string) *RuleCount {
	r := t.Rules[name]
	if r == nil {
		r = &RuleCount{}
		t.Rules[strings.Clone(name)] = r
	}
	return r
}

func (t *tally) hit(side int, h *decision.Hit) {
	if h.Shadow {
		t.rule(h.Rule).Shadow[side]++
	} else {
		t.rule(h.Rule).Hits[side]++
	}
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

// user adds what became of one user's sessions.
func (r *tally) user(u *user, examples int) {
	r.Users++
	for i := range 2 {
		r.Prompts[i] += u.prompts[i]
		if u.prompts[i] > 0 {
			r.UsersPrompted[i]++
		}
	}
	for id, s := range u.sessions {
		r.session(u.key, id, s)
	}
	for _, list := range r.lists() { // now and then, so that a list does not grow with history
		if len(*list) > 2*examples+1000 {
			*list = riskiest(*list, examples)
		}
	}
}

func (r *tally) lists() [3]*[]Case {
	return [3]*[]Case{&r.NewlyAsked, &r.NoLongerAsked, &r.MissedSessions}
}

// riskiest sorts and keeps n.
func riskiest(list []Case, n int) []Case {
	slices.SortFunc(list, func(a, b Case) int {
		return cmp.Or(cmp.Compare(b.Risk, a.Risk), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.User, b.User), cmp.Compare(a.Session, b.Session))
	})
	return list[:min(len(list), n)]
}

func (r *tally) session(u userKey, id string, s *session) {
	for i := range 2 {
		if s.at[i] != 0 {
			r.Sessions[i]++
		}
	}
	if s.label != "" && (s.inside || s.at != [2]event.Millis{}) {
		a := r.attack(s.label)
		a.Sessions++
		for i := range 2 {
			if s.at[i] != 0 {
				a.Questioned[i]++
			}
		}
	}
	one := func(side int) Case {
		return Case{
			Tenant: u.tenant, User: u.user, Session: id, Event: s.eventN[side], Time: time.UnixMilli(int64(s.at[side])).UTC(), Risk: s.risk[side], Rule: s.by[side],
		}
	}
	switch {
	case s.at[0] == 0 && s.at[1] != 0:
		r.CountNewly++
		r.NewlyAsked = append(r.NewlyAsked, one(1))
	case s.at[0] != 0 && s.at[1] == 0:
		r.CountNoLonger++
		r.NoLongerAsked = append(r.NoLongerAsked, one(0))
	}
	if s.at[0] != 0 && (s.label != "" || s.failed && !s.passed) {
		r.Caught++
		if s.at[1] == 0 {
			r.Missed++
			r.MissedSessions = append(r.MissedSessions, one(0))
		}
	}
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
