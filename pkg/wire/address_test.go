package wire_test

import (
	"net/netip"
	"testing"

	"github.com/riskd-io/riskd/pkg/wire"
)

// FuzzParseIP compares what is accepted, and the text that is stored, with netip's.
func FuzzParseIP(f *testing.F) {
	for _, s := range []string{"203.0.113.45", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.0004",
		"::ffff:1.2.3.4", "0:0:0:0:0:ffff:1.2.3.4", "2001:db8::1", "fe80::1%eth0", "", "1.2.3.4 ", "-1.2.3.4", "1.2.3.4:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := wire.ParseIP(s)
		want, err := netip.ParseAddr(s)
		if wantOK := err == nil && want.Zone() == "" && len(s) <= 45; ok != wantOK || ok && got != want.Unmap() {
			t.Fatalf("%q: got %v, %v, netip says %v, %v", s, got, ok, want, err)
		}
		if !ok || s == "" {
			return
		}
		ev := contractEvent()
		ev.Network.Ip = s
		if err := wire.Validate(ev); err != nil || ev.Network.Ip != got.String() {
			t.Fatalf("%q: got %q, %v, want %q", s, ev.Network.Ip, err, got)
		}
	})
}
