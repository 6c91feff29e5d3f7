// Package simulatetest is a small world of ten towns, as a genuine pair of geo databases, for tests of what
// needs a simulated population and no download.
//
// It is for tests only. Its functions are safe for concurrent use once [Files] has returned.
package simulatetest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/riskd-io/riskd/pkg/simulate"
)

// Town of the small world.
type Town struct {
	Name, Country, Zone string
	Lat, Lon            float64
}

var towns = []Town{
	{"London", "GB", "Europe/London", 51.5074, -0.1278}, {"Manchester", "GB", "Europe/London", 53.4808, -2.2426},
	{"Berlin", "DE", "Europe/Berlin", 52.52, 13.405}, {"Munich", "DE", "Europe/Berlin", 48.1351, 11.582},
	{"New York", "US", "America/New_York", 40.7128, -74.006}, {"Newark", "US", "America/New_York", 40.7357, -74.1724},
	{"San Francisco", "US", "America/Los_Angeles", 37.7749, -122.4194}, {"Tokyo", "JP", "Asia/Tokyo", 35.6762, 139.6503},
	{"Sydney", "AU", "Australia/Sydney", -33.8688, 151.2093}, {"São Paulo", "BR", "America/Sao_Paulo", -23.5505, -46.6333},
}

var (
	once     sync.Once
	dir      string
	errBuild error
	// places answers where an address of the small world is.
	places []placed
)

// Files are the City and the ASN database, made once for each test binary. Their folder is the system's for
// temporary files; [Clean] removes it.
func Files(tb testing.TB) (city, asn string) {
	tb.Helper()
	once.Do(func() { errBuild = build() })
	if errBuild != nil {
		tb.Fatal(errBuild)
	}
	return filepath.Join(dir, "city.mmdb"), filepath.Join(dir, "asn.mmdb")
}

// Atlas is a genuine pair of databases with ten towns, so that tests need no download.
func Atlas(tb testing.TB) *simulate.Atlas {
	tb.Helper()
	atlas, err := simulate.OpenAtlas(Files(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return atlas
}

// Clean removes the files; call it from TestMain after the tests.
func Clean() {
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
}

type placed struct {
	prefix netip.Prefix
	town   Town
}

// PlaceOf tells where an address of the small world is.
func PlaceOf(ip netip.Addr) (Town, bool) {
	for _, p := range places {
		if p.prefix.Contains(ip) {
			return p.town, true
		}
	}
	return Town{}, false
}

func build() (err error) {
	if dir, err = os.MkdirTemp("", "riskd-world"); err != nil {
		return err
	}
	cities, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", IPVersion: 6, IncludeReservedNetworks: true, BuildEpoch: 1789706978})
	if err != nil {
		return err
	}
	asns, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-ASN", IPVersion: 6, IncludeReservedNetworks: true, BuildEpoch: 1789706978})
	if err != nil {
		return err
	}
	put := func(i int, t Town, cidr string, asn int, org string) error {
		_, n, err := net.ParseCIDR(cidr)
		if err != nil {
			return err
		}
		p := netip.MustParsePrefix(cidr)
		places = append(places, placed{p, t})
		if err := cities.Insert(n, mmdbtype.Map{
			"city":     mmdbtype.Map{"geoname_id": mmdbtype.Uint32(1000 + i), "names": mmdbtype.Map{"en": mmdbtype.String(t.Name)}},
			"country":  mmdbtype.Map{"iso_code": mmdbtype.String(t.Country)},
			"location": mmdbtype.Map{"latitude": mmdbtype.Float64(t.Lat), "longitude": mmdbtype.Float64(t.Lon), "time_zone": mmdbtype.String(t.Zone), "accuracy_radius": mmdbtype.Uint16(20)},
		}); err != nil {
			return err
		}
		return asns.Insert(n, mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(asn), "autonomous_system_organization": mmdbtype.String(org)})
	}
	for i, t := range towns {
		base := 20 + i
		o := func(second, third, bits int) string {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(base), byte(second), byte(third), 0}), bits).String()
		}
		for k := range 12 {
			if err := put(i, t, o(1, k*4, 22), 64500+i, "Example Home"); err != nil {
				return err
			}
			if err := put(i, t, o(2, k*4, 22), 64600+i, "Other Broadband"); err != nil {
				return err
			}
		}
		for k := range 12 {
			if err := put(i, t, o(3, k*4, 22), 64700+i, "Example Mobile"); err != nil {
				return err
			}
		}
		for k := range 3 {
			if err := put(i, t, o(4, k*4, 22), 24940, "Rented Machines Hosting"); err != nil {
				return err
			}
			if err := put(i, t, o(5, k*4, 22), 9009, "Tunnel VPN"); err != nil {
				return err
			}
		}
		if err := put(i, t, o(6, 0, 22), 36183, "Relay"); err != nil {
			return err
		}
		for k := range 4 {
			b := [16]byte{0x2a, 0x01, 0, byte(i), 0, byte(k)}
			if err := put(i, t, netip.PrefixFrom(netip.AddrFrom16(b), 48).String(), 64500+i, "Example Home"); err != nil {
				return err
			}
		}
	}
	if err := put(0, towns[0], "99.1.0.0/24", 14593, "Starlink satellite"); err != nil {
		return err
	}
	cityFile, asnFile := filepath.Join(dir, "city.mmdb"), filepath.Join(dir, "asn.mmdb")
	for file, tree := range map[string]*mmdbwriter.Tree{cityFile: cities, asnFile: asns} {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		_, err = tree.WriteTo(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
