package laboratory

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// activeGap is the longest pause that still counts as being at work in a session. Longer ones count
	// nothing, or sessions that stay open for two weeks would make false alarms look rare.
	activeGap = 30 * 60 * 1000
	// idleGap is where most apps end an idle session; longer pauses are no session time at all.
	idleGap = 8 * 3600 * 1000
	// rememberedAgents bounds the user agents kept to tell cloned ones from others.
	rememberedAgents = 1 << 20
)

// Sort is a sort of honest events, mostly of logins.
type Sort struct {
	Events, Prompted int
	Risks            []float64
}

type honestSession struct {
	last  int64
	worst float64
	deeds float64
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
