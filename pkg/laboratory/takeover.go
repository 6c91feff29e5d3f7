package laboratory

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// followed is how many events of an attack are kept one by one.
const followed = 20

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
