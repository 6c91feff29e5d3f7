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
