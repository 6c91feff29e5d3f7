package servicetest_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

func TestAnAddressIsFreeAndNobodyElses(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		address := servicetest.FreeAddress(t)
		if seen[address] {
			t.Fatalf("%s was handed out twice", address)
		}
		seen[address] = true
		at := netip.MustParseAddrPort(address)
		if at.Port() >= 32_768 {
			t.Errorf("%s is where connections begin", address)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
