package enrich

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// city answers where an address lies.
type city struct {
	file
	flat  bool
	cache *cache[uintptr, *riskdv1.Geo]
}

// flatRecord is the shape of ip-location-db's City files.
type flatRecord struct {
	Country   string   `maxminddb:"country_code"`
	City      string   `maxminddb:"city"`
	Latitude  *float64 `maxminddb:"latitude"`
	Longitude *float64 `maxminddb:"longitude"`
}

func openCity(path string, records int) (*city, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	rec, err := f.first()
	if err != nil {
		return nil, err
	}
	c := &city{file: f, cache: newCache[uintptr, *riskdv1.Geo](records)}
	if _, ok := rec["country_code"].(string); ok {
		c.flat = true
		return c, nil
	}
	for _, key := range []string{"location", "country", "continent", "registered_country"} {
		if _, ok := rec[key].(map[string]any); ok {
			return c, nil
		}
	}
	return nil, fmt.Errorf("opening geo data %s (type %q): %w: want a City database", path, f.db.Metadata.DatabaseType, errShape)
}

func (d *databases) place(addr netip.Addr, s *stats) *riskdv1.Geo {
	for _, c := range d.city {
		if g := c.lookup(addr, s); g != nil {
			return g
		}
	}
	return nil
}

func (c *city) lookup(addr netip.Addr, s *stats) *riskdv1.Geo {
	res := c.db.Lookup(addr)
	if !res.Found() || res.Err() != nil {
		return nil
	}
	offset := res.Offset()
	if g, ok := c.cache.get(mix(uint64(offset)), offset); ok {
		return g
	}
	g, err := c.decode(res)
	if err != nil {
		s.lookupErrors.Add(1)
		return nil
	}
	s.recordMisses.Add(1)
	c.cache.put(mix(uint64(offset)), offset, g)
	return g
}

// decode returns nil for a record that says nothing.
func (c *city) decode(res maxminddb.Result) (*riskdv1.Geo, error) {
	var g riskdv1.Geo
	var lat, lon *float64
	if c.flat {
		var rec flatRecord
		if err := res.Decode(&rec); err != nil {
			return nil, fmt.Errorf("decoding geo record: %w", err)
		}
		g.Country, g.City, lat, lon = rec.Country, rec.City, rec.Latitude, rec.Longitude
	} else {
		var rec geoip2.City
		if err := res.Decode(&rec); err != nil {
			return nil, fmt.Errorf("decoding geo record: %w", err)
		}
		g.Country, g.City = rec.Country.ISOCode, rec.City.Names.English
		lat, lon = rec.Location.Latitude, rec.Location.Longitude
		g.AccuracyKm = float64(rec.Location.AccuracyRadius)
	}
	// 0, 0 in a database is a place nobody knows, not the Gulf of Guinea.
	if lat != nil && lon != nil && (*lat != 0 || *lon != 0) && *lat >= -90 && *lat <= 90 && *lon >= -180 && *lon <= 180 {
		g.Lat, g.Lon = *lat, *lon
	} else {
		g.AccuracyKm = 0
	}
	if g.Country == "" && g.City == "" && g.Lat == 0 && g.Lon == 0 {
		return nil, nil
	}
	g.Country, g.City = strings.Clone(g.Country), strings.Clone(g.City)
	return &g, nil
}
