package simulate

import (
	"encoding/binary"
	"math"
	"net/netip"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// network is the connection the device uses now.
func (w *World) network(b *burst, at int64, seg *segment, truth *Truth) *riskdv1.Network {
	p, d := b.p, b.dev
	l := &seg.wifi
	access := int64(9)
	if !l.v4.IsValid() && !l.v6.IsValid() || d.platform.phone() && d.seed%7 == 0 && seg.kind != inPlane {
		l = &seg.cell
		access = 48
		truth.Net = "cell"
		if w.atlas.cities[seg.city].country != w.atlas.cities[p.home].country {
			truth.Net = "roaming"
		}
	}
	ip, net := l.v4, l.net
	// A device that has both protocols uses one of them for hours.
	if l.v6.IsValid() && (!l.v4.IsValid() || p.world == IPv6 || (d.seed>>8+uint64(at/(6*hour)))%5 < 3) {
		ip, net = w.private(l.v6, d, at), l.net6
	}
	var real *network
	switch {
	case b.vpn != nil:
		real = &network{lat: net.lat, lon: net.lon}
		net = *b.vpn
		r := newRNG(d.seed, uint64(at/(2*hour)))
		ip = hostIn(&r, net.prefix)
		truth.Net = "vpn"
		if b.note != "" {
			truth.Net = b.note
			r = newRNG(w.cfg.Seed, 0xE817, uint64(p.company))
			ip = hostIn(&r, net.prefix)
		}
	case p.relay && (d.platform == iosSafari || d.platform == macSafari) && len(w.atlas.relays) > 0:
		real = &network{lat: net.lat, lon: net.lon}
		net = w.relayNear(d, at, net)
		r := newRNG(d.seed, uint64(at/(12*hour)))
		ip = hostIn(&r, net.prefix)
		truth.Net = "relay"
	case seg.kind == inPlane:
		access, truth.Net = 620, "plane"
	}
	out := &riskdv1.Network{Ip: ip.String()}
	out.RttMs = w.rtt(p.company, &b.r, net, real, access)
	return out
}

// private is a privacy address: the interface half changes every day.
func (w *World) private(p netip.Prefix, d *device, at int64) netip.Addr {
	a := p.Addr().As16()
	r := newRNG(d.seed, uint64(at/day))
	binary.BigEndian.PutUint64(a[8:], r.next())
	return netip.AddrFrom16(a)
}

// relayNear is an egress of the relay not far from the user, as the operator promises.
func (w *World) relayNear(d *device, at int64, net network) network {
	r := newRNG(d.seed, uint64(at/(12*hour)), 7)
	best, bestKM := network{}, math.Inf(1)
	for range 24 {
		c := pick(&r, w.atlas.relays)
		if km := greatCircle(c.lat, c.lon, net.lat, net.lon); km < bestKM {
			best, bestKM = c, km
		}
	}
	return best
}

// rtt is what the app measures: distance to its data centre over fibre, the last mile, and the
// detour of those whose address is not where they are.
func (w *World) rtt(comp int, r *rng, net network, real *network, access int64) uint32 {
	code := companies[comp].rtt
	c := w.atlas.countries[code]
	if c == nil {
		return 0
	}
	dc := &w.atlas.cities[c.cities[0]]
	ms := greatCircle(net.lat, net.lon, dc.lat, dc.lon) / 80
	if real != nil {
		ms += greatCircle(net.lat, net.lon, real.lat, real.lon) / 80
	}
	return uint32(ms) + uint32(max(2, r.around(access, access/2)))
}
