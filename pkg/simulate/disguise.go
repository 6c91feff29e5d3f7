package simulate

import (
	"net/netip"
)

// begin chooses the victim and the disguise.
func (a *attack) begin(w *World, at int64) bool {
	r := &a.r
	var p *person
	for range 60 {
		c := w.people[r.below(len(w.people))]
		if c.role == machine || c.logins == 0 || len(c.devices) == 0 {
			continue
		}
		if a.kind == Stolen || a.kind == Insider {
			if a.take(c, at) == nil {
				continue
			}
			if a.kind == Insider && c.where(at) == nil {
				continue
			}
		}
		p = c
		break
	}
	if p == nil {
		return false
	}
	home := &w.atlas.cities[p.home]
	there := w.atlas.countries[home.country]
	today := at / day
	popular := agentString(drawPlatform(r, r.chance(0.2)), today, r.between(0, 20))
	mine := pick(r, p.devices)
	base := w.atlas.cities[w.atlas.drawCity(r, "")] // where he sits
	a.home = network{lat: base.lat, lon: base.lon}
	switch a.kind {
	case Naive:
		a.agent = popular
		a.net = pick(r, base.isps[0].v4)
		if r.chance(0.4) {
			a.net = pick(r, w.atlas.countries[base.country].hosting)
		}
	case VPN:
		a.agent = popular
		a.net = pick(r, there.tunnels)
		if r.chance(0.4) {
			a.net = pick(r, there.hosting)
		}
	case Targeted:
		a.agent = popular
		a.net = pick(r, home.isps[r.below(min(3, len(home.isps)))].v4)
	case VeryTargeted:
		a.agent = mine.agentAt(at)
		a.net = p.line.net
		if narrow := narrowTo(p.line.v4, 22); r.chance(0.5) {
			a.net.prefix = narrow
		}
	case Proxy:
		a.agent = mine.agentAt(at)
		c := p.home
		if r.chance(0.5) {
			c = w.atlas.drawCity(r, home.country)
		}
		a.net = pick(r, w.atlas.cities[c].isps[r.below(len(w.atlas.cities[c].isps))].v4)
	case Stolen:
		a.dev = a.take(p, at)
		a.agent = popular
		if r.chance(0.3) {
			a.agent = a.dev.agentAt(at)
		}
		a.net = pick(r, base.isps[r.below(len(base.isps))].v4)
		if r.chance(0.5) {
			a.net = pick(r, w.atlas.countries[base.country].tunnels)
		}
	case Insider:
		a.dev = a.take(p, at)
		a.agent = a.dev.agentAt(at)
	case Poisoner:
		a.agent = mine.agentAt(at)
		a.net = pick(r, home.isps[r.below(min(3, len(home.isps)))].v4)
		a.left = 20
	}
	a.victim = p
	if a.net.prefix.IsValid() {
		a.ip = hostIn(r, a.net.prefix)
	}
	a.token = "d_" + hex(r.next(), 16)
	if a.kind == Stolen || a.kind == Insider {
		s := *a.dev.session
		a.sess = &s
		a.of = s.id
		if a.kind == Stolen && w.cfg.Branches {
			s.id += "~" + hex(r.next(), 8)
			s.acr, s.amr, s.proven = "aal1", pwd, 0
		} else {
			a.of = ""
		}
		// The cookie jar often holds the device token as well.
		if a.kind == Insider || r.chance(0.5) {
			a.token = a.dev.token
		}
	}
	switch a.kind {
	case Insider:
		a.plan(insiderDeeds)
	default:
		a.plan(lookAround)
		for range 2 + r.below(3) {
			a.plan([]step{plunder[r.below(len(plunder))]})
		}
	}
	return true
}

// narrowTo is the network of this length around an address: a neighbour's line.
func narrowTo(ip netip.Addr, length int) netip.Prefix { return netip.PrefixFrom(ip, length).Masked() }

// take finds a device of the person with a session in use.
func (a *attack) take(p *person, at int64) *device {
	for _, d := range p.devices {
		if d.session != nil && at < d.session.expires && at-d.session.last < 30*minute && at >= d.session.last {
			return d
		}
	}
	return nil
}
