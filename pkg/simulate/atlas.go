package simulate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

const (
	maxCities        = 320 // cities people live in
	maxCitiesCountry = 16
	netsPerCity      = 160 // networks kept of a city
	netsPerASN       = 240 // networks kept of a carrier, host or tunnel
	minCities        = 8   // fewer than this is not a world
)

// ErrNoGeo means that the world cannot be drawn because there is no geo data to draw it from.
var ErrNoGeo = errors.New("the simulator draws real addresses from a City and an ASN database")

// Atlas is the world the people live in: cities with their time zones and the networks that are
// really there, read once from a GeoLite2/GeoIP2 City file and an ASN file. Read-only after
// OpenAtlas and safe for concurrent use.
type Atlas struct {
	cities    []city
	countries map[string]*country
	relays    []network // iCloud Private Relay and its kind
	planes    []network // satellite operators that serve aircraft and ships
	version   string
}

type city struct {
	name, country string
	lat, lon      float64
	zone          *time.Location
	weight        float64
	isps          []isp // residential, strongest first
}

type isp struct {
	asn    uint32
	v4, v6 []network
}

type country struct {
	code     string
	cities   []int
	weight   float64
	carriers []isp // mobile
	hosting  []network
	tunnels  []network // commercial VPN exits
}

type network struct {
	prefix   netip.Prefix
	asn      uint32
	lat, lon float64
}

// OpenAtlas reads the two files (a few seconds for the full GeoLite2 City).
func OpenAtlas(cityFile, asnFile string) (*Atlas, error) {
	if cityFile == "" || asnFile == "" {
		return nil, fmt.Errorf("%w: name both files", ErrNoGeo)
	}
	cities, err := maxminddb.Open(cityFile)
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s: %w", ErrNoGeo, cityFile, err)
	}
	defer cities.Close()
	asns, err := maxminddb.Open(asnFile)
	if err != nil {
		return nil, fmt.Errorf("%w: opening %s: %w", ErrNoGeo, asnFile, err)
	}
	defer asns.Close()
	b := builder{cities: cities, asns: asns, orgs: map[uintptr]asnRecord{}, found: map[uint]*found{}}
	if err := b.readCities(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", cityFile, err)
	}
	a, err := b.atlas()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", cityFile, err)
	}
	if err := b.readASNs(a); err != nil {
		return nil, fmt.Errorf("reading %s: %w", asnFile, err)
	}
	a.fillGaps()
	a.version = fmt.Sprintf("%s@%s", cities.Metadata.DatabaseType, cities.Metadata.BuildTime().UTC().Format(time.DateOnly))
	return a, nil
}

// Version names the geo data, because the same seed gives the same world only on the same data.
func (a *Atlas) Version() string { return a.version }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// drawCity picks a city by how many people are online there; within a country when code is given.
func (a *Atlas) drawCity(r *rng, code string) int {
	sum, weightOf := 0.0, func(i int) float64 { return a.cities[i].weight }
	from := allOf(len(a.cities))
	if c := a.countries[code]; c != nil {
		from = c.cities
	}
	for _, i := range from {
		sum += weightOf(i)
	}
	x := r.float() * sum
	for _, i := range from {
		if x -= weightOf(i); x < 0 {
			return i
		}
	}
	return from[len(from)-1]
}

func allOf(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// km is the great circle between two cities.
func (a *Atlas) km(i, j int) float64 {
	return greatCircle(a.cities[i].lat, a.cities[i].lon, a.cities[j].lat, a.cities[j].lon)
}
