package simulate

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sort"
	"time"
	_ "time/tzdata" // people live in time zones, also on machines that ship none

	"github.com/oschwald/maxminddb-golang/v2"
)

type cityRecord struct {
	City struct {
		ID    uint `maxminddb:"geoname_id"`
		Names struct {
			EN string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	Country struct {
		Code string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Location struct {
		Lat  *float64 `maxminddb:"latitude"`
		Lon  *float64 `maxminddb:"longitude"`
		Zone string   `maxminddb:"time_zone"`
	} `maxminddb:"location"`
}

type asnRecord struct {
	Number uint32 `maxminddb:"autonomous_system_number"`
	Org    string `maxminddb:"autonomous_system_organization"`
}

// found is a city while it is being gathered.
type found struct {
	id            uint
	name, country string
	zone          string
	lat, lon      float64
	addresses     float64
	seen          int
	nets          []netip.Prefix
}

type builder struct {
	cities, asns *maxminddb.Reader
	orgs         map[uintptr]asnRecord
	found        map[uint]*found
}

// readCities walks all networks of the City file and keeps a fair sample of each city's.
func (b *builder) readCities() error {
	r := newRNG(0xA71A5)
	byOffset := make(map[uintptr]*found, 1<<17)
	for res := range b.cities.Networks() {
		if err := res.Err(); err != nil {
			return err
		}
		f, known := byOffset[res.Offset()]
		if !known {
			var rec cityRecord
			if err := res.Decode(&rec); err != nil {
				return err
			}
			f = b.city(&rec)
			byOffset[res.Offset()] = f
		}
		if f == nil {
			continue
		}
		p := res.Prefix()
		f.seen++
		if p.Addr().Is4() {
			f.addresses += math.Exp2(float64(32 - p.Bits()))
		}
		if len(f.nets) < netsPerCity {
			f.nets = append(f.nets, p)
		} else if i := r.below(f.seen); i < netsPerCity {
			f.nets[i] = p
		}
	}
	return nil
}

func (b *builder) city(rec *cityRecord) *found {
	if rec.City.ID == 0 || rec.City.Names.EN == "" || rec.Country.Code == "" || rec.Location.Zone == "" || rec.Location.Lat == nil || rec.Location.Lon == nil {
		return nil
	}
	f := b.found[rec.City.ID]
	if f == nil {
		f = &found{
			id: rec.City.ID, name: rec.City.Names.EN, country: rec.Country.Code, zone: rec.Location.Zone,
			lat: *rec.Location.Lat, lon: *rec.Location.Lon,
		}
		b.found[rec.City.ID] = f
	}
	return f
}

// atlas chooses the cities with most addresses, few per country, and sorts their networks by ISP.
func (b *builder) atlas() (*Atlas, error) {
	all := make([]*found, 0, len(b.found))
	for _, f := range b.found {
		all = append(all, f)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].addresses != all[j].addresses {
			return all[i].addresses > all[j].addresses
		}
		return all[i].id < all[j].id
	})
	a := &Atlas{countries: map[string]*country{}}
	for _, f := range all {
		if len(a.cities) == maxCities {
			break
		}
		c := a.countries[f.country]
		if c != nil && len(c.cities) >= maxCitiesCountry {
			continue
		}
		zone, err := time.LoadLocation(f.zone)
		if err != nil {
			continue
		}
		isps, err := b.isps(f)
		if err != nil {
			return nil, err
		}
		if len(isps) == 0 {
			continue
		}
		if c == nil {
			c = &country{code: f.country}
			a.countries[f.country] = c
		}
		living := 0 // networks with households in the sample
		for _, o := range isps {
			living += len(o.v4)
		}
		w := math.Sqrt(f.addresses) * float64(living) / float64(len(f.nets))
		c.cities = append(c.cities, len(a.cities))
		c.weight += w
		a.cities = append(a.cities, city{name: f.name, country: f.country, lat: f.lat, lon: f.lon, zone: zone, weight: w, isps: isps})
	}
	if len(a.cities) < minCities {
		return nil, fmt.Errorf("%w: %d usable cities found, at least %d needed: it has to be a City database with names and time zones", ErrNoGeo, len(a.cities), minCities)
	}
	return a, nil
}

// smallestStreet is the longest IPv4 prefix that households are drawn from. Smaller networks in the data are single customers:
// whoever else drew an address from one would sit at theirs, and thieves who are meant to be somewhere in the city would be in the
// victim's living room.
const smallestStreet = 24

// isps groups a city's networks by operator and leaves out what no household has.
func (b *builder) isps(f *found) ([]isp, error) {
	byASN := map[uint32]*isp{}
	for _, p := range f.nets {
		rec, err := b.operator(p.Addr())
		if err != nil {
			return nil, err
		}
		if rec.Number == 0 || operatorClass(rec.Number, rec.Org) != household || p.Addr().Is4() && p.Bits() > smallestStreet {
			continue
		}
		o := byASN[rec.Number]
		if o == nil {
			o = &isp{asn: rec.Number}
			byASN[rec.Number] = o
		}
		n := network{prefix: p, asn: rec.Number, lat: f.lat, lon: f.lon}
		if p.Addr().Is4() {
			o.v4 = append(o.v4, n)
		} else {
			o.v6 = append(o.v6, n)
		}
	}
	out := make([]isp, 0, len(byASN))
	for _, o := range byASN {
		if len(o.v4) > 0 {
			out = append(out, *o)
		}
	}
	slices.SortFunc(out, func(x, y isp) int {
		if d := len(y.v4) + len(y.v6) - len(x.v4) - len(x.v6); d != 0 {
			return d
		}
		return int(x.asn) - int(y.asn)
	})
	return out[:min(len(out), 6)], nil
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
