package simulate_test

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

type town struct {
	name, country, zone string
	lat, lon            float64
}

var towns = []town{
	{"London", "GB", "Europe/London", 51.5074, -0.1278}, {"Manchester", "GB", "Europe/London", 53.4808, -2.2426},
	{"Berlin", "DE", "Europe/Berlin", 52.52, 13.405}, {"Munich", "DE", "Europe/Berlin", 48.1351, 11.582},
	{"New York", "US", "America/New_York", 40.7128, -74.006}, {"Newark", "US", "America/New_York", 40.7357, -74.1724},
	{"San Francisco", "US", "America/Los_Angeles", 37.7749, -122.4194}, {"Tokyo", "JP", "Asia/Tokyo", 35.6762, 139.6503},
	{"Sydney", "AU", "Australia/Sydney", -33.8688, 151.2093}, {"São Paulo", "BR", "America/Sao_Paulo", -23.5505, -46.6333},
}

// smallWorld is a genuine pair of databases with ten towns, so that tests need no download.
func smallWorld(tb testing.TB) *simulate.Atlas {
	tb.Helper()
	worldOnce.Do(func() { world, worldErr = buildWorld() })
	if worldErr != nil {
		tb.Fatal(worldErr)
	}
	return world
}

var (
	worldOnce sync.Once
	world     *simulate.Atlas
	worldErr  error
	// placeOf answers where an address of the small world is.
	places []placed
)

type placed struct {
	prefix netip.Prefix
	town   town
}

func placeOf(ip netip.Addr) (town, bool) {
	for _, p := range places {
		if p.prefix.Contains(ip) {
			return p.town, true
		}
	}
	return town{}, false
}

func buildWorld() (*simulate.Atlas, error) {
	dir, err := os.MkdirTemp("", "riskd-world")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cities, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", IPVersion: 6, IncludeReservedNetworks: true, BuildEpoch: 1789706978})
	if err != nil {
		return nil, err
	}
	asns, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-ASN", IPVersion: 6, IncludeReservedNetworks: true, BuildEpoch: 1789706978})
	if err != nil {
		return nil, err
	}
	put := func(i int, t town, cidr string, asn int, org string) error {
		_, n, err := net.ParseCIDR(cidr)
		if err != nil {
			return err
		}
		p := netip.MustParsePrefix(cidr)
		places = append(places, placed{p, t})
		if err := cities.Insert(n, mmdbtype.Map{
			"city":     mmdbtype.Map{"geoname_id": mmdbtype.Uint32(1000 + i), "names": mmdbtype.Map{"en": mmdbtype.String(t.name)}},
			"country":  mmdbtype.Map{"iso_code": mmdbtype.String(t.country)},
			"location": mmdbtype.Map{"latitude": mmdbtype.Float64(t.lat), "longitude": mmdbtype.Float64(t.lon), "time_zone": mmdbtype.String(t.zone), "accuracy_radius": mmdbtype.Uint16(20)},
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
				return nil, err
			}
			if err := put(i, t, o(2, k*4, 22), 64600+i, "Other Broadband"); err != nil {
				return nil, err
			}
		}
		for k := range 12 {
			if err := put(i, t, o(3, k*4, 22), 64700+i, "Example Mobile"); err != nil {
				return nil, err
			}
		}
		for k := range 3 {
			if err := put(i, t, o(4, k*4, 22), 24940, "Rented Machines Hosting"); err != nil {
				return nil, err
			}
			if err := put(i, t, o(5, k*4, 22), 9009, "Tunnel VPN"); err != nil {
				return nil, err
			}
		}
		if err := put(i, t, o(6, 0, 22), 36183, "Relay"); err != nil {
			return nil, err
		}
		for k := range 4 {
			b := [16]byte{0x2a, 0x01, 0, byte(i), 0, byte(k)}
			if err := put(i, t, netip.PrefixFrom(netip.AddrFrom16(b), 48).String(), 64500+i, "Example Home"); err != nil {
				return nil, err
			}
		}
	}
	if err := put(0, towns[0], "99.1.0.0/24", 14593, "Starlink satellite"); err != nil {
		return nil, err
	}
	cityFile, asnFile := filepath.Join(dir, "city.mmdb"), filepath.Join(dir, "asn.mmdb")
	for file, tree := range map[string]*mmdbwriter.Tree{cityFile: cities, asnFile: asns} {
		f, err := os.Create(file)
		if err != nil {
			return nil, err
		}
		_, err = tree.WriteTo(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return simulate.OpenAtlas(cityFile, asnFile)
}
