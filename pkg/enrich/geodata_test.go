package enrich

import (
	"os"
	"path/filepath"
	"testing"
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
