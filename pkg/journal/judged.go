package journal

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Judge is [Writer.Decide] for a decision as the engine gives it: nobody has to make a message of it only to have it written. signals
// are the decision's own in the form in which they are published, nil when it has none.
//
// It writes what decision in fields.go writes of the same decision, byte for byte; a property test holds the two together.
func (w *Writer) Judge(i int, d *decision.Decision, signals []*riskdv1.Signal) {
	e := w.rec.Entries[i]
	if w.general {
		e.Decision = new(riskdv1.Decision)
		wire.FromDecision(d, e.Decision)
		return
	}
	c, ev, rec := &w.c, e.Event, w.rec
	n, at := int64(i-w.from), int64(d.Time)
	c.step(&n, &w.last)

	user, sess := ev.GetUser().GetId(), ev.GetSession().GetId()
	shadows := 0
	for j := range d.Hits {
		if d.Hits[j].Shadow {
			shadows++
		}
	}
	of := d.EventID == ev.GetId() && d.Tenant == ev.GetTenantId() && d.User == user && at == ev.GetTimeMs()
	own, sessionless := d.Session == sess, d.Session != sess && sessionOf(user, d.Session)
	versions := d.Policy == rec.Policy && d.Baseline == rec.Baseline && d.Geo == rec.Geo && d.Engine == rec.Engine
	ruled := d.Rule != "" || len(d.Hits) > 0
	m := on(of, 0) | on(own, 1) | on(sessionless, 2) | on(versions, 3) | on(d.ChallengeID != "", 4) | on(ruled, 5) |
		on(len(signals) > 0, 6) | on(true, 7) | on(d.PeakFrom|d.PeakTo != 0, 8) | on(true, 9)
	c.u(&m)
	if !of {
		c.raw(&d.EventID)
		c.text(&d.Tenant)
		c.text(&d.User)
		c.z(&at)
	}
	if !own && !sessionless {
		c.text(&d.Session)
	}
	if !versions {
		c.text(&d.Policy)
		c.text(&d.Baseline)
		c.text(&d.Geo)
		c.text(&d.Engine)
	}
	c.refer(c.outlined.find(d))
	c.number(&d.Risk)
	c.number(&d.Scores.ImpossibleTravel)
	c.number(&d.Scores.NewDevice)
	c.number(&d.Scores.Deviation)
	c.evidence(d.Parts)
	if d.ChallengeID != "" {
		c.text(&d.ChallengeID)
	}
	if ruled {
		c.text(&d.Rule)
		c.hits(d.Hits, len(d.Hits)-shadows, false)
		c.hits(d.Hits, shadows, true)
	}
	if len(signals) > 0 {
		c.signals(&signals)
	}
	if d.PeakFrom|d.PeakTo != 0 {
		c.u32(&d.PeakFrom)
		c.u32(&d.PeakTo)
	}
}

// evidence writes what the outline does not say of the parts of a risk.
func (c *coder) evidence(parts []decision.Part) {
	for i := range parts {
		p := &parts[i]
		c.number(&p.Nats)
		for j := range p.Detail {
			if d := &p.Detail[j]; d.IsText {
				c.text(&d.Text)
			} else {
				c.number(&d.Number)
			}
		}
	}
}

// hits writes the rules that applied, n of them, or those that are only tried.
func (c *coder) hits(all []decision.Hit, n int, shadow bool) {
	c.count(n)
	for i := range all {
		if all[i].Shadow == shadow {
			c.text(&all[i].Rule)
		}
	}
}
