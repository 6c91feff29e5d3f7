package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

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

var errShape = errors.New("unknown record shape")

// reserved are the special-purpose ranges netip has no name for.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("3fff::/20"),
}

// public tells whether an address can have a place at all.
func public(a netip.Addr) bool {
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
