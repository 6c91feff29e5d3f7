package journal

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// The order of the fields is part of the stored form. A field that a message gets later has to be added under a new
// bit of that message's mask, and to known: until then records are stored in the general form, which knows every field.

// known is how many fields of each message the compact form writes.
var known = map[string]int{
	"JournalEntry": 8, "Event": 20, "User": 2, "Session": 4, "Device": 1, "Network": 6, "Geo": 6, "Http": 1, "Resource": 3,
	"Enforcement": 3, "Feedback": 3, "Enrichment": 8, "Agent": 5, "Crowd": 4, "Decision": 23, "Scores": 3, "Part": 3, "Detail": 3,
}

// decision leaves out what the event beside it, or the record around it, says already. What is added here belongs into [Writer.Judge] too.
func (c *coder) decision(d *riskdv1.Decision, ev *riskdv1.Event, rec *riskdv1.JournalRecord, mem *slab) {
	user, sess := ev.GetUser().GetId(), ev.GetSession().GetId()
	m := on(d.EventId == ev.GetId() && d.TenantId == ev.GetTenantId() && d.UserId == user && d.TimeMs == ev.GetTimeMs(), 0) |
		on(d.SessionId == sess, 1) | on(d.SessionId != sess && sessionOf(user, d.SessionId), 2) |
		on(d.Policy == rec.Policy && d.Baseline == rec.Baseline && d.Geo == rec.Geo && d.Engine == rec.Engine, 3) |
		on(d.ChallengeId != "", 4) | on(d.Rule != "" || len(d.Hits) > 0 || len(d.ShadowHits) > 0, 5) | on(len(d.Signals) > 0, 6) |
		on(d.Scores != nil, 7) | on(d.PeakFrom|d.PeakTo != 0, 8) | on(!c.reading, 9) // those of older records have no outline
	if c.u(&m); m>>10 != 0 {
		c.fail(errRange)
		return
	}
	if m&(1<<0) == 0 {
		c.raw(&d.EventId)
		c.text(&d.TenantId)
		c.text(&d.UserId)
		c.z(&d.TimeMs)
	} else if c.reading {
		d.EventId, d.TenantId, d.UserId, d.TimeMs = ev.GetId(), ev.GetTenantId(), user, ev.GetTimeMs()
	}
	switch {
	case m&(1<<1|1<<2) == 0:
		c.text(&d.SessionId)
	case !c.reading:
	case m&(1<<1) != 0:
		d.SessionId = sess
	default:
		d.SessionId = sessionless + user
	}
	if m&(1<<3) == 0 {
		c.text(&d.Policy)
		c.text(&d.Baseline)
		c.text(&d.Geo)
		c.text(&d.Engine)
	} else if c.reading {
		d.Policy, d.Baseline, d.Geo, d.Engine = rec.Policy, rec.Baseline, rec.Geo, rec.Engine
	}
	var o *outline
	if m&(1<<9) != 0 {
		o = c.outline(d)
	}
	c.number(&d.Risk)
	if o == nil {
		c.text(&d.Level)
		c.text(&d.Action)
		c.text(&d.SessionState)
	}
	if m&(1<<7) != 0 {
		if c.reading {
			d.Scores = mem.scores.next()
		}
		c.number(&d.Scores.ImpossibleTravel)
		c.number(&d.Scores.NewDevice)
		c.number(&d.Scores.Deviation)
	}
	if o != nil {
		c.within(o, d, mem)
	} else {
		c.parts(&d.Parts, mem)
		c.texts(&d.Unknown)
	}
	if m&(1<<4) != 0 {
		c.text(&d.ChallengeId)
	}
	if m&(1<<5) != 0 {
		c.text(&d.Rule)
		c.texts(&d.Hits)
		c.texts(&d.ShadowHits)
	}
	if m&(1<<6) != 0 {
		c.signals(&d.Signals)
	}
	if m&(1<<8) != 0 {
		c.u32(&d.PeakFrom)
		c.u32(&d.PeakTo)
	}
}

// sessionless begins the session that the engine gives to events without one.
const sessionless = "u:"

func sessionOf(user, session string) bool {
	return len(session) == len(sessionless)+len(user) && session[:len(sessionless)] == sessionless && session[len(sessionless):] == user
}

func (c *coder) parts(parts *[]*riskdv1.Part, mem *slab) {
	n := c.count(len(*parts))
	if c.reading && n > 0 {
		*parts = make([]*riskdv1.Part, n)
	}
	for i := range n {
		if c.reading {
			(*parts)[i] = mem.evidence.next()
		}
		p := (*parts)[i]
		c.text(&p.Code)
		c.number(&p.Nats)
		k := c.count(len(p.Detail))
		if c.reading && k > 0 {
			p.Detail = make([]*riskdv1.Detail, k)
		}
		for j := range k {
			if c.reading {
				p.Detail[j] = mem.details.next()
			}
			c.detail(p.Detail[j])
		}
	}
}

// The kinds of a detail's value.
const (
	detailNone = iota
	detailNumber
	detailText
)

func (c *coder) detail(d *riskdv1.Detail) {
	kind := kindOf(d)
	c.text(&d.Key)
	c.u(&kind)
	c.value(d, kind)
}

func kindOf(d *riskdv1.Detail) uint64 {
	switch d.Value.(type) {
	case *riskdv1.Detail_Number:
		return detailNumber
	case *riskdv1.Detail_Text:
		return detailText
	}
	return detailNone
}

func (c *coder) value(d *riskdv1.Detail, kind uint64) {
	switch kind {
	case detailNone:
	case detailNumber:
		if c.reading {
			d.Value = new(riskdv1.Detail_Number)
		}
		c.number(&d.Value.(*riskdv1.Detail_Number).Number)
	case detailText:
		if c.reading {
			d.Value = new(riskdv1.Detail_Text)
		}
		c.text(&d.Value.(*riskdv1.Detail_Text).Text)
	default:
		c.fail(errRange)
	}
}

// signals are rare: each is protobuf.
func (c *coder) signals(all *[]*riskdv1.Signal) {
	n := c.count(len(*all))
	if c.reading && n > 0 {
		*all = make([]*riskdv1.Signal, n)
	}
	for i := range n {
		var b []byte
		if !c.reading {
			var err error
			if b, err = (*all)[i].MarshalVT(); err != nil {
				c.fail(err)
				return
			}
		}
		c.bytes(&b)
		if c.reading {
			s := new(riskdv1.Signal)
			if err := s.UnmarshalVTUnsafe(b); err != nil {
				c.fail(err)
			}
			(*all)[i] = s
		}
	}
}
