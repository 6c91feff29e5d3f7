package profile

import "net/netip"

const (
	offset64 = 14695981039346656037
	prime64  = 1099511628211
)

// Hash64 names a text by 64 bits (FNV-1a with a final mix). Empty is 0, which means unknown.
func Hash64(s string) uint64 {
	if s == "" {
		return 0
	}
	return finish(fold(offset64, s))
}

// HashPair names two texts, as for the source and id of an event. It is never 0.
func HashPair(a, b string) uint64 {
	h := fold(offset64, a)
	h = (h ^ 0xff) * prime64
	return finish(fold(h, b))
}

// Hash32 names a text by 32 bits, enough among the few dozens one user has. Empty is 0.
func Hash32(s string) uint32 {
	h := Hash64(s)
	if h == 0 {
		return 0
	}
	if v := uint32(h >> 32); v != 0 {
		return v
	}
	return 1
}

// Mix32 names an ordered pair of names. It is never 0.
func Mix32(a, b uint32) uint32 {
	h := finish(uint64(a)<<32 | uint64(b))
	if v := uint32(h >> 32); v != 0 {
		return v
	}
	return 1
}

func fold(h uint64, s string) uint64 {
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * prime64
	}
	return h
}

func finish(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	if h == 0 {
		return 1
	}
	return h
}

// Country is the key of an ISO 3166-1 alpha-2 code; 0 when it is not one.
func Country(code string) uint32 {
	if len(code) != 2 || !upper(code[0]) || !upper(code[1]) {
		return 0
	}
	return uint32(code[0])<<8 | uint32(code[1])
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

// Address keys: the /24 of an IPv4 address or the /48 of an IPv6 address, and what lies below it: the
// last octet, or the 16 bits up to /64 (what is below a /64 changes daily and is no identity).
// Both are 0 when the address is unknown; a known host key is never 0.
func Address(ip netip.Addr) (prefix, host uint32) {
	if !ip.IsValid() {
		return 0, 0
	}
	ip = ip.Unmap()
	if ip.Is4() {
		b := ip.As4()
		// Bit 24 keeps 0.0.0.x apart from unknown.
		return 1<<24 | uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]), 1<<8 | uint32(b[3])
	}
	b := ip.As16()
	var h uint64
	for _, c := range b[:6] {
		h = h<<8 | uint64(c)
	}
	return uint32(finish(h)>>32) | 1<<31, 1<<16 | uint32(b[6])<<8 | uint32(b[7])
}
