package enrich

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// geoFile finds a database that set-up has fetched, in .riskd/geo at the root of the checkout.
func geoFile(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, ".riskd", "geo", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skipf("%s is not set up", name)
		}
		dir = parent
	}
}

func realData(t testing.TB) *Enricher {
	t.Helper()
	e, err := New(Config{City: geoFile(t, "GeoLite2-City.mmdb"), ASN: geoFile(t, "asn.mmdb")})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRealDataPlacesAddresses(t *testing.T) {
	e := realData(t)
	for ip, want := range map[string]string{
		"81.2.69.142":           "GB AS20712 residential",
		"2a00:1450:4001:800::1": "DE AS15169 hosting",
		"98.97.0.1":             "US AS14593 satellite",
		"172.58.0.1":            "US AS21928 mobile",
		"52.95.110.1":           "US AS16509 hosting",
		"104.28.0.1":            "US AS13335 relay",
	} {
		en := e.Enrich(login(ip), noon)
		if got := fmt.Sprintf("%s AS%d %s", en.Geo.GetCountry(), en.Asn, en.Kind); got != want {
			t.Errorf("%s: got %s, want %s", ip, got, want)
		}
		if en.Geo.GetAccuracyKm() <= 0 || en.AsOrg == "" {
			t.Errorf("%s: got radius %v and owner %q, want both", ip, en.Geo.GetAccuracyKm(), en.AsOrg)
		}
	}
	if v := e.GeoVersion(); !strings.HasPrefix(v, "GeoLite2-City@20") || !strings.Contains(v, "+") {
		t.Errorf("got version %q", v)
	}
	if a := e.Attribution(); !strings.Contains(a, "MaxMind") || !strings.Contains(a, "CC BY") {
		t.Errorf("got attribution %q", a)
	}
	if age := e.Age(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)); age < 24*time.Hour || age > 365*24*time.Hour {
		t.Errorf("got age %v", age)
	}
}

func TestEveryListedNetworkIsInTheRealData(t *testing.T) {
	a, err := openASN(geoFile(t, "asn.mmdb"), 16, newKinds())
	if err != nil {
		t.Fatal(err)
	}
	known := map[uint32]bool{}
	for res := range a.db.Networks() {
		var rec struct {
			ASN uint32 `maxminddb:"autonomous_system_number"`
		}
		if err := res.Decode(&rec); err != nil {
			t.Fatal(err)
		}
		known[rec.ASN] = true
	}
	var missing []uint32
	for n := range a.kinds.byASN {
		if !known[n] {
			missing = append(missing, n)
		}
	}
	// Networks come and go, and the data's age differs: a few may be missing, never many.
	if len(missing) > len(a.kinds.byASN)/20 {
		t.Errorf("%d of %d listed networks are not in the data: %v", len(missing), len(a.kinds.byASN), missing)
	}
}

// addresses samples routable addresses with known places from the real data.
func addresses(b *testing.B, e *Enricher, n int) []string {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]string, 0, n)
	for len(out) < n {
		var a [4]byte
		for i := range a {
			a[i] = byte(rng.Uint32())
		}
		if addr := netip.AddrFrom4(a); public(addr) && e.data.Load().place(addr, &e.stats) != nil {
			out = append(out, addr.String())
		}
	}
	return out
}
