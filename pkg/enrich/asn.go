package enrich

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/oschwald/geoip2-golang/v2"
)

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
