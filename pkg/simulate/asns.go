package simulate

import (
	"net/netip"
	"slices"
)

type asnRecord struct {
	Number uint32 `maxminddb:"autonomous_system_number"`
	Org    string `maxminddb:"autonomous_system_organization"`
}

func (b *builder) operator(ip netip.Addr) (asnRecord, error) {
	res := b.asns.Lookup(ip)
	if !res.Found() {
		return asnRecord{}, res.Err()
	}
	rec, ok := b.orgs[res.Offset()]
	if !ok {
		if err := res.Decode(&rec); err != nil {
			return rec, err
		}
		b.orgs[res.Offset()] = rec
	}
	return rec, nil
}

// readASNs gathers the networks of carriers, hosts, tunnels, relays and satellites by country.
func (b *builder) readASNs(a *Atlas) error {
	type sample struct {
		rec  asnRecord
		nets []netip.Prefix
		seen int
	}
	r := newRNG(0xA5)
	byASN := map[uint32]*sample{}
	for res := range b.asns.Networks() {
		if err := res.Err(); err != nil {
			return err
		}
		rec, ok := b.orgs[res.Offset()]
		if !ok {
			if err := res.Decode(&rec); err != nil {
				return err
			}
			b.orgs[res.Offset()] = rec
		}
		if c := operatorClass(rec.Number, rec.Org); c == household || c == skip {
			continue
		}
		s := byASN[rec.Number]
		if s == nil {
			s = &sample{rec: rec}
			byASN[rec.Number] = s
		}
		s.seen++
		if len(s.nets) < netsPerASN {
			s.nets = append(s.nets, res.Prefix())
		} else if i := r.below(s.seen); i < netsPerASN {
			s.nets[i] = res.Prefix()
		}
	}
	numbers := make([]uint32, 0, len(byASN))
	for n := range byASN {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		s := byASN[number]
		class := operatorClass(number, s.rec.Org)
		carriers := map[string]*isp{}
		for _, p := range s.nets {
			// A wide range holds many places; ask for one address inside it.
			host := hostIn(&r, p)
			var rec cityRecord
			res := b.cities.Lookup(host)
			if err := res.Decode(&rec); err != nil {
				return err
			}
			c := a.countries[rec.Country.Code]
			if c == nil || rec.Location.Lat == nil || rec.Location.Lon == nil {
				continue
			}
			// Keep the narrower of the two networks, so that addresses drawn later are in the same place.
			if q := res.Prefix(); q.Bits() > p.Bits() && q.Addr().Is4() == p.Addr().Is4() {
				p = q
			}
			n := network{prefix: p, asn: number, lat: *rec.Location.Lat, lon: *rec.Location.Lon}
			switch class {
			case mobileCarrier:
				o := carriers[rec.Country.Code]
				if o == nil {
					o = &isp{asn: number}
					carriers[rec.Country.Code] = o
				}
				if p.Addr().Is4() {
					o.v4 = append(o.v4, n)
				} else {
					o.v6 = append(o.v6, n)
				}
			case host4hire:
				c.hosting = append(c.hosting, n)
			case tunnel:
				c.tunnels = append(c.tunnels, n)
			case relay:
				a.relays = append(a.relays, n)
			case satellite:
				a.planes = append(a.planes, n)
			}
		}
		for _, code := range sortedKeys(carriers) {
			if o := carriers[code]; len(o.v4) > 0 {
				a.countries[code].carriers = append(a.countries[code].carriers, *o)
			}
		}
	}
	for _, c := range a.countries {
		slices.SortStableFunc(c.carriers, func(x, y isp) int { return len(y.v4) - len(x.v4) })
		c.carriers = c.carriers[:min(len(c.carriers), 4)]
	}
	return nil
}

// minCarrierRanges is how many ranges a country's mobile operators need to count as such.
const minCarrierRanges = 12

// fillGaps gives every country what attackers expect to find. A country whose mobile operators have no
// address space of their own has its phones on the ordinary operators of each city.
func (a *Atlas) fillGaps() {
	var hosting, tunnels []network
	for _, code := range sortedKeys(a.countries) {
		c := a.countries[code]
		hosting = append(hosting, c.hosting...)
		tunnels = append(tunnels, c.tunnels...)
		ranges := 0
		for _, o := range c.carriers {
			ranges += len(o.v4)
		}
		if ranges < minCarrierRanges {
			c.carriers = nil
		}
	}
	if len(hosting) == 0 { // a file without hosts: rented machines stand in ordinary networks
		for _, c := range a.cities {
			hosting = append(hosting, c.isps[0].v4[0])
		}
	}
	if len(tunnels) == 0 {
		tunnels = hosting
	}
	for _, c := range a.countries {
		if len(c.hosting) == 0 {
			c.hosting = hosting
		}
		if len(c.tunnels) == 0 {
			c.tunnels = c.hosting
		}
	}
	if len(a.relays) == 0 {
		a.relays = tunnels
	}
}
