package backtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
)

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
