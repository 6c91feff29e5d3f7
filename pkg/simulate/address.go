package simulate

import (
	"math"
	"net/netip"
)

// greatCircle is the distance of two points on the earth, km.
func greatCircle(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	s1, s2 := math.Sin((lat2-lat1)*rad/2), math.Sin((lon2-lon1)*rad/2)
	h := s1*s1 + math.Cos(lat1*rad)*math.Cos(lat2*rad)*s2*s2
	return 2 * 6371.0088 * math.Asin(math.Sqrt(math.Min(1, h)))
}

// hostIn draws an address inside the prefix; for IPv6 the interface half is random too.
func hostIn(r *rng, p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		base := p.Masked().Addr().As4()
		n := 32 - p.Bits()
		v := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
		off := uint32(0)
		if n > 0 {
			off = uint32(r.next()) & (1<<n - 1)
		}
		if last := (v | off) & 255; n >= 8 && (last == 0 || last == 255) {
			off ^= 1 << 3
		}
		v |= off
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	return fill6(r, p, 128)
}

// fill6 draws the bits from the prefix up to bit `to`; the rest stays zero.
func fill6(r *rng, p netip.Prefix, to int) netip.Addr {
	b := p.Masked().Addr().As16()
	words := [2]uint64{r.next(), r.next()}
	for i := p.Bits(); i < to; i++ {
		if words[i/64]>>(i%64)&1 == 1 {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return netip.AddrFrom16(b)
}
