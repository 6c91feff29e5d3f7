package simulate

import (
	"net/netip"
)

// line is an internet connection: one IPv4 address and perhaps an IPv6 prefix.
type line struct {
	net   network
	v4    netip.Addr
	net6  network
	v6    netip.Prefix // /64, invalid when there is none
	until int64        // when the operator renumbers it
}

// drawISP prefers the larger operators of the city; those who need IPv6 look for one that has it.
func (w *World) drawISP(r *rng, p *person) *isp {
	isps := w.atlas.cities[p.home].isps
	if p.world == IPv6 {
		for range 4 {
			for i := range isps {
				if len(isps[i].v6) > 0 {
					return &isps[i]
				}
			}
			p.home = w.atlas.drawCity(r, "")
			isps = w.atlas.cities[p.home].isps
		}
	}
	weights := make([]float64, len(isps))
	for i := range isps {
		weights[i] = float64(len(isps[i].v4) + len(isps[i].v6))
	}
	return &isps[r.weighted(weights)]
}

// renew gives the home line its addresses, as an operator does every few weeks or months.
func (p *person) renew(r *rng, at int64) {
	p.line.net = pick(r, p.homeISP.v4)
	p.line.v4 = hostIn(r, p.line.net.prefix)
	p.line.v6 = netip.Prefix{}
	if len(p.homeISP.v6) > 0 && (p.world == IPv6 || r.chance(0.45)) {
		p.line.net6 = pick(r, p.homeISP.v6)
		p.line.v6 = subnet64(r, p.line.net6.prefix)
	}
	days := r.between(20, 120)
	if p.world == IPv6 { // some operators renumber every few days
		days = r.between(1, 20)
	}
	p.line.until = at + days*day
}

func subnet64(r *rng, p netip.Prefix) netip.Prefix {
	if p.Bits() >= 64 {
		return netip.PrefixFrom(p.Addr(), 64).Masked()
	}
	return netip.PrefixFrom(fill6(r, p, 64), 64)
}

// cell is the address the carrier gives the phone now: any of its gateways, often far away.
// Abroad, most carriers route the phone home first.
func (d *dayPlan) cell(city int) line {
	return d.w.cellOf(d.p, d.r, city)
}

func (w *World) cellOf(p *person, r *rng, city int) line {
	c := p.carrier
	there, home := w.atlas.cities[city].country, w.atlas.cities[p.home].country
	switch local := w.atlas.countries[there].carriers; {
	case there != home && r.chance(0.35): // a card bought there
		c = nil
		if len(local) > 0 {
			c = &local[r.below(len(local))]
		}
	case there != home:
		city = p.home
	}
	if c == nil {
		isps := w.atlas.cities[city].isps
		c = &isps[p.idx%len(isps)]
	}
	var l line
	l.net = pick(r, c.v4)
	l.v4 = hostIn(r, l.net.prefix)
	if len(c.v6) > 0 && r.chance(0.5) {
		l.net6 = pick(r, c.v6)
		l.v6 = subnet64(r, l.net6.prefix)
	}
	return l
}

func (w *World) guestLine(r *rng, city int) line {
	isps := w.atlas.cities[city].isps
	l := line{net: pick(r, isps[r.below(len(isps))].v4)}
	l.v4 = hostIn(r, l.net.prefix)
	return l
}

func (o *office) line(r *rng) line { return line{net: o.net, v4: pick(r, o.addrs)} }
