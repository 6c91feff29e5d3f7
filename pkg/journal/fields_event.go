package journal

import (
	"math"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func (c *coder) event(e *riskdv1.Event, mem *slab) {
	var m uint64
	if !c.reading {
		u, s, n, r := e.User, e.Session, e.Network, e.Resource
		m = on(u.GetId() != "" || u.GetKind() != "", 0) |
			on(s != nil && (s.Id != "" || s.AuthTimeMs != 0 || s.Acr != "" || len(s.Amr) > 0), 1) |
			on(e.Device.GetId() != "", 2) |
			on(n != nil && (n.Ip != "" || n.RttMs != 0 || holds(n.Geo) || n.Asn != 0 || n.AsOrg != "" || n.Kind != ""), 3) |
			on(e.Http.GetUserAgent() != "", 4) |
			on(r != nil && (r.Type != "" || r.Id != "" || r.Sensitivity != ""), 5) |
			on(e.Count != 0 || e.Bytes != 0, 6) | on(len(e.Attributes)+len(c.attrs) > 0, 7) |
			on(e.ChallengeId != "" || e.Reason != "", 8) |
			on(e.Enforcement != nil && (e.Enforcement.Route != "" || e.Enforcement.Result != "" || e.Enforcement.Sdk != ""), 9) |
			on(e.Feedback != nil && (e.Feedback.EventId != "" || e.Feedback.Verdict != "" || e.Feedback.Author != ""), 10)
	}
	if c.u(&m); m>>11 != 0 {
		c.fail(errRange)
		return
	}
	if c.reading {
		mem.parts(e, m)
	}
	c.raw(&e.Id)
	c.text(&e.Source)
	c.text(&e.Type)
	c.step(&e.TimeMs, &c.time)
	c.text(&e.TenantId)
	c.text(&e.Action)
	c.text(&e.Outcome)
	if m&(1<<0) != 0 {
		c.text(&e.User.Id)
		c.text(&e.User.Kind)
	}
	if m&(1<<1) != 0 {
		s := e.Session
		c.text(&s.Id)
		c.z(&s.AuthTimeMs)
		c.text(&s.Acr)
		c.texts(&s.Amr)
	}
	if m&(1<<2) != 0 {
		c.text(&e.Device.Id)
	}
	if m&(1<<3) != 0 {
		c.network(e.Network)
	}
	if m&(1<<4) != 0 {
		c.text(&e.Http.UserAgent)
	}
	if m&(1<<5) != 0 {
		c.text(&e.Resource.Type)
		c.text(&e.Resource.Id)
		c.text(&e.Resource.Sensitivity)
	}
	if m&(1<<6) != 0 {
		c.u32(&e.Count)
		c.u(&e.Bytes)
	}
	if m&(1<<7) != 0 {
		c.attributes(&e.Attributes)
	}
	if m&(1<<8) != 0 {
		c.text(&e.ChallengeId)
		c.text(&e.Reason)
	}
	if m&(1<<9) != 0 {
		c.text(&e.Enforcement.Route)
		c.text(&e.Enforcement.Result)
		c.text(&e.Enforcement.Sdk)
	}
	if m&(1<<10) != 0 {
		c.text(&e.Feedback.EventId)
		c.text(&e.Feedback.Verdict)
		c.text(&e.Feedback.Author)
	}
}

// attributes are written in the order of their keys, so that the same event always gives the same bytes. A writer may have them sorted already.
func (c *coder) attributes(attrs *map[string]string) {
	if !c.reading {
		sorted := c.attrs
		if len(sorted) == 0 {
			var room [16]event.Attribute
			sorted = room[:0]
			for k, v := range *attrs {
				sorted = append(sorted, event.Attribute{Key: k, Value: v})
			}
			slices.SortFunc(sorted, func(a, b event.Attribute) int { return strings.Compare(a.Key, b.Key) })
		}
		c.count(len(sorted))
		for i := range sorted {
			c.text(&sorted[i].Key)
			c.text(&sorted[i].Value)
		}
		return
	}
	n := c.count(0)
	*attrs = make(map[string]string, min(n, 16))
	for range n {
		var k, v string
		c.text(&k)
		c.text(&v)
		(*attrs)[k] = v
	}
}

func (c *coder) network(n *riskdv1.Network) {
	m := on(n.RttMs != 0, 0) | on(holds(n.Geo), 1) | on(n.Asn != 0 || n.AsOrg != "" || n.Kind != "", 2)
	if c.u(&m); m>>3 != 0 {
		c.fail(errRange)
		return
	}
	c.text(&n.Ip)
	if m&(1<<0) != 0 {
		c.u32(&n.RttMs)
	}
	if m&(1<<1) != 0 {
		c.geo(&n.Geo)
	}
	if m&(1<<2) != 0 {
		c.u32(&n.Asn)
		c.text(&n.AsOrg)
		c.text(&n.Kind)
	}
}

func holds(g *riskdv1.Geo) bool {
	return g != nil && (math.Float64bits(g.Lat)|math.Float64bits(g.Lon)|math.Float64bits(g.AccuracyKm) != 0 || g.Country != "" || g.City != "" || g.AtOrigin)
}

func (c *coder) geo(p **riskdv1.Geo) {
	if c.reading {
		*p = new(riskdv1.Geo)
	}
	g := *p
	m := on(g.AtOrigin, 0)
	if c.u(&m); m>>1 != 0 {
		c.fail(errRange)
		return
	}
	g.AtOrigin = m&1 != 0
	c.number(&g.Lat)
	c.number(&g.Lon)
	c.number(&g.AccuracyKm)
	c.text(&g.Country)
	c.text(&g.City)
}

func (c *coder) enrichment(e *riskdv1.Enrichment, mem *slab) {
	a, w := e.Agent, e.Crowd
	m := on(holds(e.Geo), 0) | on(e.Asn != 0 || e.AsOrg != "" || e.Kind != "", 1) |
		on(a != nil && (a.Browser != "" || a.BrowserMajor != 0 || a.Os != "" || a.OsMajor != 0 || a.DeviceClass != ""), 2) |
		on(w != nil && (w.IpFailedUsers|w.IpUsers|w.DeviceUsers|w.IpFailures) != 0, 3) |
		on(math.Float64bits(e.StepUpAt) != 0, 4)
	if c.u(&m); m>>5 != 0 {
		c.fail(errRange)
		return
	}
	c.step(&e.ReceivedMs, &c.received)
	if m&(1<<0) != 0 {
		c.geo(&e.Geo)
	}
	if m&(1<<1) != 0 {
		c.u32(&e.Asn)
		c.text(&e.AsOrg)
		c.text(&e.Kind)
	}
	if m&(1<<2) != 0 {
		if c.reading {
			a = mem.agents.next()
			e.Agent = a
		}
		c.text(&a.Browser)
		c.u32(&a.BrowserMajor)
		c.text(&a.Os)
		c.u32(&a.OsMajor)
		c.text(&a.DeviceClass)
	}
	if m&(1<<3) != 0 {
		if c.reading {
			w = mem.crowds.next()
			e.Crowd = w
		}
		c.u32(&w.IpFailedUsers)
		c.u32(&w.IpUsers)
		c.u32(&w.DeviceUsers)
		c.u32(&w.IpFailures)
	}
	if m&(1<<4) != 0 {
		c.number(&e.StepUpAt)
	}
}
