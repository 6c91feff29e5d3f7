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
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// activeGap is the longest pause that still counts as being at work in a session. Longer ones count
	// nothing, or sessions that stay open for two weeks would make false alarms look rare.
	activeGap = 30 * 60 * 1000
	// idleGap is where most apps end an idle session; longer pauses are no session time at all.
	idleGap = 8 * 3600 * 1000
	// followed is how many events of an attack are kept one by one.
	followed = 20
	// rememberedAgents bounds the user agents kept to tell cloned ones from others.
	rememberedAgents = 1 << 20
)

// Takeover is how one attack went, from the first event the thief sent with success or without.
type Takeover struct {
	Kind simulate.Kind
	Name string
	// OtherAgent says that the thief of a session came with another browser than its owner.
	OtherAgent bool
	// Events until the end of the attack, and logins among them.
	Events, Logins int
	// At is the event, from 1, at which risk raised a flag, 0 for never; Rule the same for a policy's
	// rule, which asks anybody. Seconds since the first event, and successful logins, at At.
	At, Rule, AtLogins int
	Seconds            float64
	AtLogin            bool
	// Deeds done before any flag.
	Deeds int
	// Worst risk of all, and of each of the first events.
	Worst float64
	Risks []float64
	// DeedNats is the evidence from what was done, of each of the first events.
	DeedNats []float64

	first int64
}

func (c *Takeover) otherAgent() bool { return c.OtherAgent }

// Sort is a sort of honest events, mostly of logins.
type Sort struct {
	Events, Prompted int
	Risks            []float64
}

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

type honestSession struct {
	last  int64
	worst float64
	deeds float64
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

func (s *Sessions) owner(it *simulate.Item, d *decision.Decision, raised, login bool) {
	ev := it.Event
	if s.insiders[userKey{ev.TenantId, ev.Session.GetId()}] {
		return
	}
	user := userKey{ev.TenantId, ev.User.Id}
	person := ev.User.GetKind() != "service"
	if person {
		s.users[user] += 0
		s.work(ev, d)
	}
	prompted := raised && d.Rule == ""
	switch {
	case prompted:
		s.Prompts++
		s.users[user]++
		code := strongest(d)
		s.cause(code, &it.Truth)
		if !login {
			s.MidSession++
			if len(s.Prompted) < maxExamples {
				s.Prompted = append(s.Prompted, example(it, d))
			}
			if isDeed(code) {
				s.MidDeeds++
			}
		}
	case raised:
		s.RulePrompts++
	}
	switch {
	case login:
		s.login(&it.Truth, d.Risk, prompted)
	case prompted:
		s.count("not a login: "+ev.Action, true, d.Risk)
	}
}

// work adds the time since the session's event before, and its worst risk.
func (s *Sessions) work(ev *riskdv1.Event, d *decision.Decision) {
	id := ev.Session.GetId()
	if id == "" {
		return
	}
	key := userKey{ev.TenantId, id}
	h := s.honest[key]
	if h == nil {
		h = &honestSession{last: ev.TimeMs}
		s.honest[key] = h
	}
	if gap := ev.TimeMs - h.last; gap > 0 && gap <= idleGap {
		s.Hours += float64(gap) / 3.6e6
		if gap <= activeGap {
			s.WorkHours += float64(gap) / 3.6e6
		}
	}
	h.last = max(h.last, ev.TimeMs)
	h.worst, h.deeds = max(h.worst, d.Risk), max(h.deeds, deedNats(d))
	if len(s.agents) < rememberedAgents {
		s.agents[key] = ev.Http.GetUserAgent()
	}
}

func (s *Sessions) login(t *simulate.Truth, risk float64, prompted bool) {
	s.count("all logins", prompted, risk)
	s.count("world "+t.World, prompted, risk)
	switch n := t.Login; {
	case n == 0:
		s.count("history 0", prompted, risk)
	case n < 5:
		s.count("history 1-4", prompted, risk)
	case n < 12:
		s.count("history 5-11", prompted, risk)
	case n < 39:
		s.count("history 12-38", prompted, risk)
	default:
		s.count("history 39+", prompted, risk)
	}
	if t.Net != "" {
		s.count("by "+t.Net, prompted, risk)
	}
	if t.Note != "" {
		s.count("on "+t.Note, prompted, risk)
	}
}

func (s *Sessions) count(name string, prompted bool, risk float64) {
	g := s.Sorts[name]
	if g == nil {
		g = &Sort{}
		s.Sorts[name] = g
	}
	g.Events++
	if prompted {
		g.Prompted++
	}
	g.Risks = append(g.Risks, risk)
}

func (s *Sessions) cause(code string, t *simulate.Truth) {
	m := s.Causes[code]
	if m == nil {
		m = map[string]int{}
		s.Causes[code] = m
	}
	m[""]++
	switch {
	case t.Net != "":
		m["by "+t.Net]++
	case t.Note != "":
		m["on "+t.Note]++
	default:
		m["nothing odd"]++
	}
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

func (s *Sessions) thief(it *simulate.Item, d *decision.Decision, raised, login bool) {
	ev, name := it.Event, it.Truth.Attack
	if it.Truth.Kind == simulate.Spray { // each account he gets into counts
		if ev.Session.GetId() == "" {
			return
		}
		name += " " + ev.User.Id
	}
	c := s.attacks[name]
	if c == nil {
		c = &Takeover{Kind: it.Truth.Kind, Name: name, first: ev.TimeMs}
		if owner, ok := s.agents[userKey{ev.TenantId, ev.Attributes["session_of"]}]; ok {
			c.OtherAgent = owner != ev.Http.GetUserAgent()
		}
		s.attacks[name] = c
	}
	if it.Truth.Kind == simulate.Insider {
		key := userKey{ev.TenantId, ev.Session.GetId()}
		s.insiders[key] = true
		delete(s.honest, key)
	}
	c.Events++
	if login {
		c.Logins++
	}
	c.Worst = max(c.Worst, d.Risk)
	if len(c.Risks) < followed {
		c.Risks, c.DeedNats = append(c.Risks, d.Risk), append(c.DeedNats, deedNats(d))
	}
	flagged := raised || d.Action != decision.Allow
	if c.Kind == simulate.Stolen && c.Events == 2 && c.At == 0 && !flagged && len(s.Unseen) < maxExamples {
		s.Unseen = append(s.Unseen, example(it, d))
	}
	switch {
	case flagged && d.Rule == "" && c.At == 0:
		c.At, c.AtLogin, c.AtLogins, c.Seconds = c.Events, login, c.Logins, float64(ev.TimeMs-c.first)/1000
	case flagged && d.Rule != "" && c.Rule == 0:
		c.Rule = c.Events
	}
	if c.At == 0 && c.Rule == 0 && it.Truth.Note == "deed" && ev.Outcome == "success" {
		c.Deeds++
	}
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
