package journal

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// refer writes which outline it is, and all of it the first time.
func (c *coder) refer(o *outline) {
	all := c.outlined
	if o.round == all.round && o.ref > 0 {
		ref := uint64(o.ref)
		c.u(&ref)
		return
	}
	c.count(0)
	c.names(o)
	if all.used < maxOutlines && o.fits() {
		all.used++
		o.round, o.ref = all.round, all.used
	}
}

// referred reads what refer wrote.
func (c *coder) referred() *outline {
	var ref uint64
	switch c.u(&ref); {
	case ref == 0:
		o := new(outline)
		if c.names(o); len(c.had) < maxOutlines && o.fits() {
			c.had = append(c.had, o)
		}
		return o
	case ref <= uint64(len(c.had)):
		return c.had[ref-1]
	}
	c.fail(errRange)
	return new(outline)
}

// names is all of an outline.
func (c *coder) names(o *outline) {
	c.text(&o.level)
	c.text(&o.action)
	c.text(&o.state)
	for i := range c.count(len(o.parts)) {
		if c.reading {
			o.parts = append(o.parts, outlinePart{})
		}
		p := &o.parts[i]
		c.text(&p.code)
		for j := range c.count(len(p.keys)) {
			if c.reading {
				p.keys = append(p.keys, outlineKey{})
			}
			k := &p.keys[j]
			c.text(&k.name)
			if c.u(&k.kind); k.kind > detailText {
				c.fail(errRange)
			}
		}
	}
	c.texts(&o.unknown)
}

// outline reads or writes which outline a decision has; read, the decision has its names beside those of its evidence.
func (c *coder) outline(d *riskdv1.Decision) *outline {
	if !c.reading {
		o := c.outlined.findSame(outlineOfMessage(d))
		c.refer(o)
		return o
	}
	o := c.referred()
	d.Level, d.Action, d.SessionState = o.level, o.action, o.state
	if n := len(o.unknown); n > 0 {
		d.Unknown = o.unknown[:n:n]
	}
	return o
}

// within is what the outline does not say of a decision's evidence.
func (c *coder) within(o *outline, d *riskdv1.Decision, mem *slab) {
	if c.reading && len(o.parts) > 0 {
		d.Parts = make([]*riskdv1.Part, len(o.parts))
	}
	for i := range o.parts {
		if c.reading {
			d.Parts[i] = mem.evidence.next()
			d.Parts[i].Code = o.parts[i].code
		}
		p, keys := d.Parts[i], o.parts[i].keys
		c.number(&p.Nats)
		if c.reading && len(keys) > 0 {
			p.Detail = make([]*riskdv1.Detail, len(keys))
		}
		for j := range keys {
			if c.reading {
				p.Detail[j] = mem.details.next()
				p.Detail[j].Key = keys[j].name
			}
			c.value(p.Detail[j], keys[j].kind)
		}
	}
}
