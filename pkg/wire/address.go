package wire

import (
	"net/netip"
	"strings"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// ParseIP reads an address as riskd stores it: IPv4-mapped IPv6 becomes IPv4, zones are refused.
func ParseIP(s string) (netip.Addr, bool) {
	if len(s) > 45 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// canonical is the address's one text; s itself, without a copy, when it already is that.
func canonical(addr netip.Addr, s string) string {
	if addr.Is4() && strings.IndexByte(s, ':') < 0 { // no other text of it is accepted, unless it was mapped
		return s
	}
	var buf [64]byte
	if text := addr.AppendTo(buf[:0]); string(text) != s {
		return string(text)
	}
	return s
}

// Addr is the event's address; the zero Addr when it has none.
func Addr(pb *riskdv1.Event) netip.Addr {
	addr, _ := ParseIP(pb.GetNetwork().GetIp())
	return addr
}
