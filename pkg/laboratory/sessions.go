package laboratory

import (
	"cmp"
	"maps"
	"slices"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// Sessions is what one world played live has shown.
type Sessions struct {
	Events, Duplicate, Late, Dead int
	// Attacks in the order of their kinds and names.
	Attacks []*Takeover
	// Sorts of honest logins by name, and other honest events that were challenged.
	Sorts map[string]*Sort
	// Causes are honest prompts by strongest part, and by what was odd about the person ("": all).
	Causes map[string]map[string]int
	// Prompts for risk and by rule, to the honest; MidSession of the first were not at a login, and
	// MidDeeds of these were mostly for what was done rather than from where.
	Prompts, RulePrompts, MidSession, MidDeeds int
	// WorkHours that honest people were at work in sessions, pauses of more than half an hour left out, and Hours that
	// their sessions lasted, with pauses of up to eight hours.
	WorkHours, Hours float64
	// Prompted are the first honest prompts in mid-session, and Unseen the first stolen sessions not stepped up by
	// their second event, with reasons; at most [maxExamples] of each.
	Prompted, Unseen []Exhibit
	// Worst risk of each honest session, and most evidence in nats from what was done in it, ascending.
	Worst, WorstDeeds []float64
	// PerUser is how many prompts for risk each honest user got, ascending.
	PerUser []int
	// How challenges ended.
	Satisfied, Denied, Expired int
	Policy, Baseline, Engine   string

	attacks map[string]*Takeover
	users   map[userKey]int
	honest  map[userKey]*honestSession
	agents  map[userKey]string // by session
	// insiders are sessions whose owner is the attacker: what they are asked is no false alarm.
	insiders map[userKey]bool
}

// maxExamples bounds how many events are kept with their reasons.
const maxExamples = 200

func example(it *simulate.Item, d *decision.Decision) Exhibit {
	ev := it.Event
	x := Exhibit{Kind: it.Truth.Kind, User: ev.User.Id, Time: event.Millis(ev.TimeMs), Note: note(&it.Truth), Action: ev.Action, Risk: d.Risk}
	x.Network.Place.Country, x.Network.Place.City = ev.Network.GetGeo().GetCountry(), ev.Network.GetGeo().GetCity()
	x.Network.ASN, x.Network.ASOrg = ev.Network.GetAsn(), ev.Network.GetAsOrg()
	for _, p := range d.Parts {
		p.Detail = slices.Clone(p.Detail)
		x.Parts = append(x.Parts, p)
		x.Score += p.Nats
	}
	return x
}

func newSessions() *Sessions {
	return &Sessions{
		Sorts: map[string]*Sort{}, Causes: map[string]map[string]int{}, attacks: map[string]*Takeover{},
		users: map[userKey]int{}, honest: map[userKey]*honestSession{}, agents: map[userKey]string{}, insiders: map[userKey]bool{},
	}
}

// take counts one decision.
func (s *Sessions) take(it *simulate.Item, d *decision.Decision) {
	s.Events++
	switch d.Status {
	case decision.Scored:
	case decision.Duplicate:
		s.Duplicate++
		return
	case decision.Late:
		s.Late++
		return
	default:
		s.Dead++
		return
	}
	s.Policy, s.Baseline, s.Engine = d.Policy, d.Baseline, d.Engine
	raised := false
	for i := range d.Signals {
		g := &d.Signals[i]
		switch g.State {
		case signal.Required:
			raised = raised || g.Revision == 1
		case signal.Satisfied:
			s.Satisfied++
		case signal.Denied:
			s.Denied++
		case signal.Expired:
			s.Expired++
		}
	}
	login := it.Event.Action == "auth.login" && it.Event.Outcome == "success"
	if it.Truth.Kind == simulate.Honest {
		s.owner(it, d, raised, login)
		return
	}
	s.thief(it, d, raised, login)
}

// isDeed says whether a part speaks of what was done, not from where.
func isDeed(code string) bool {
	return code == score.UnusualActivity || code == score.Burst || code == score.UnusualVolume
}

// deedNats is the evidence from what was done.
func deedNats(d *decision.Decision) float64 {
	sum := 0.0
	for i := range d.Parts {
		if isDeed(d.Parts[i].Code) {
			sum += d.Parts[i].Nats
		}
	}
	return sum
}

// strongest is the code of the part that spoke loudest against the person.
func strongest(d *decision.Decision) string {
	code, most := "none", 0.0
	for i := range d.Parts {
		if p := &d.Parts[i]; p.Nats > most {
			code, most = p.Code, p.Nats
		}
	}
	return code
}

// close turns what was counted on the way into lists.
func (s *Sessions) close() {
	s.Attacks = slices.SortedFunc(maps.Values(s.attacks), func(a, b *Takeover) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	for _, h := range s.honest {
		s.Worst = append(s.Worst, h.worst)
		s.WorstDeeds = append(s.WorstDeeds, h.deeds)
	}
	slices.Sort(s.Worst)
	slices.Sort(s.WorstDeeds)
	s.PerUser = slices.Sorted(maps.Values(s.users))
	for _, g := range s.Sorts {
		slices.Sort(g.Risks)
	}
	s.attacks, s.honest, s.users, s.agents, s.insiders = nil, nil, nil, nil, nil
}
