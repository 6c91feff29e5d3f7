package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// databases is one consistent set of data; it is replaced as a whole and never changed.
type databases struct {
	city    []*city
	asn     []*asn
	version string
	sources []Source
	// known is what these files say of the addresses seen lately.
	known *cache[netip.Addr, known]
}

// known is what the files say of one address; both are nil for one that can have no place.
type known struct {
	place *riskdv1.Geo
	owner *owner
}

// ask asks for the memory where an address is remembered, and returns its hash for the rest: askAgain asks for what is remembered, some time
// after. 0 is an address of which nobody can tell anything.
func (d *databases) ask(addr netip.Addr) (hash uint64) {
	if !addr.IsValid() || len(d.city)+len(d.asn) == 0 {
		return 0
	}
	hash = max(addressKey(addr, 0), 1)
	d.known.ask(hash)
	return hash
}

func (d *databases) askAgain(hash uint64) {
	if hash != 0 {
		d.known.askAgain(hash)
	}
}

// lookup asks the files, or remembers.
func (d *databases) lookup(addr netip.Addr, hash uint64, s *stats) (k known) {
	if hash == 0 {
		return k
	}
	k, ok := d.known.get(hash, addr)
	if !ok {
		if public(addr) {
			k = known{place: d.place(addr, s), owner: d.owner(addr, s)}
		}
		d.known.put(hash, addr, k)
	}
	return k
}

func (d *databases) describe() {
	d.known = newCache[netip.Addr, known](addressCache)
	var names []string
	add := func(f *file) {
		m := f.db.Metadata
		built := time.Unix(int64(m.BuildEpoch), 0).UTC()
		names = append(names, m.DatabaseType+"@"+built.Format(time.DateOnly))
		d.sources = append(d.sources, Source{
			Type: m.DatabaseType, Built: built, Path: f.path, Attribution: attribution(m),
		})
	}
	for _, c := range d.city {
		add(&c.file)
	}
	for _, a := range d.asn {
		add(&a.file)
	}
	if d.version = strings.Join(names, "+"); d.version == "" {
		d.version = "none"
	}
}

func attribution(m maxminddb.Metadata) string {
	t := strings.ToLower(m.DatabaseType)
	switch {
	case strings.HasPrefix(t, "geolite2"):
		return "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com."
	case strings.HasPrefix(t, "geoip2"):
		return "This product includes GeoIP data created by MaxMind, available from https://www.maxmind.com."
	case strings.HasPrefix(t, "dbip"):
		return "IP Geolocation by DB-IP, https://db-ip.com."
	}
	return m.Description["en"]
}

// file is one database, read into memory. It is not mapped: a mapped file that somebody replaces
// in place takes the process down, and memory that the collector owns needs no closing while
// look-ups are under way.
type file struct {
	path  string
	stamp stamp
	db    *maxminddb.Reader
}

// stamp tells one state of a file from the next.
type stamp struct {
	size    int64
	changed int64
	inode   uint64
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, fmt.Errorf("looking at geo data: %w", err)
	}
	return stamp{info.Size(), info.ModTime().UnixNano(), inodeOf(info)}, nil
}

func open(path string) (file, error) {
	before, err := stampOf(path)
	if err != nil {
		return file{}, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return file{}, fmt.Errorf("reading geo data: %w", err)
	}
	if after, err := stampOf(path); err != nil || after != before {
		return file{}, fmt.Errorf("reading geo data %s: changed while being read", path)
	}
	db, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return file{}, fmt.Errorf("opening geo data %s: %w", path, err)
	}
	return file{path: path, stamp: before, db: db}, nil
}

// first decodes any record of the database, to see its shape.
func (f *file) first() (map[string]any, error) {
	for res := range f.db.Networks() {
		var m map[string]any
		if err := res.Decode(&m); err != nil {
			return nil, fmt.Errorf("reading a record of %s: %w", f.path, err)
		}
		return m, nil
	}
	return nil, fmt.Errorf("geo data %s holds no records", f.path)
}

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

var errShape = errors.New("unknown record shape")

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

// asn answers whose network an address belongs to.
type asn struct {
	file
	kinds *kinds
	cache *cache[uintptr, *owner]
}

type owner struct {
	asn  uint32
	org  string
	kind string
}

func openASN(path string, records int, k *kinds) (*asn, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	rec, err := f.first()
	if err != nil {
		return nil, err
	}
	if _, ok := rec["autonomous_system_number"]; !ok {
		return nil, fmt.Errorf("opening geo data %s (type %q): %w: want an ASN database", path, f.db.Metadata.DatabaseType, errShape)
	}
	return &asn{file: f, kinds: k, cache: newCache[uintptr, *owner](records)}, nil
}

func (d *databases) owner(addr netip.Addr, s *stats) *owner {
	for _, a := range d.asn {
		if o := a.lookup(addr, s); o != nil {
			return o
		}
	}
	return nil
}

func (a *asn) lookup(addr netip.Addr, s *stats) *owner {
	res := a.db.Lookup(addr)
	if !res.Found() || res.Err() != nil {
		return nil
	}
	offset := res.Offset()
	if o, ok := a.cache.get(mix(uint64(offset)), offset); ok {
		return o
	}
	var rec geoip2.ASN
	if err := res.Decode(&rec); err != nil {
		s.lookupErrors.Add(1)
		return nil
	}
	s.recordMisses.Add(1)
	var o *owner
	if rec.AutonomousSystemNumber != 0 {
		org := strings.Clone(rec.AutonomousSystemOrganization)
		o = &owner{asn: uint32(rec.AutonomousSystemNumber), org: org}
		o.kind = a.kinds.of(o.asn, o.org)
	}
	a.cache.put(mix(uint64(offset)), offset, o)
	return o
}
