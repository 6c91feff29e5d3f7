package enrich

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// write makes a database of one network.
func write(t *testing.T, path, kind string, epoch int64, rec mmdbtype.Map) {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, BuildEpoch: epoch, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	_, network, _ := net.ParseCIDR("8.8.0.0/16")
	if err := w.Insert(network, rec); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(t.TempDir(), "db")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		t.Fatal(err)
	}
}

func flat(city string) mmdbtype.Map {
	return mmdbtype.Map{"country_code": mmdbtype.String("US"), "city": mmdbtype.String(city), "latitude": mmdbtype.Float64(37.4), "longitude": mmdbtype.Float64(-122.1)}
}

func TestFlatRecordsAreReadToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	write(t, path, "city ipv4", noon/1000, flat("Mountain View"))
	e, err := New(Config{City: path})
	if err != nil {
		t.Fatal(err)
	}
	en := e.Enrich(login("8.8.8.8"), noon)
	if g := en.Geo; g.GetCity() != "Mountain View" || g.GetCountry() != "US" || g.GetLat() != 37.4 || g.GetAccuracyKm() != 0 {
		t.Errorf("got %v", g)
	}
	if got := e.GeoVersion(); got != "city ipv4@2026-11-23" {
		t.Errorf("got %q", got)
	}
}

func TestAPlaceAtZeroZeroInADatabaseIsUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	rec := flat("")
	rec["latitude"], rec["longitude"] = mmdbtype.Float64(0), mmdbtype.Float64(0)
	write(t, path, "city ipv4", noon/1000, rec)
	e, err := New(Config{City: path})
	if err != nil {
		t.Fatal(err)
	}
	if g := e.Enrich(login("8.8.8.8"), noon).Geo; g.GetCountry() != "US" || g.GetAtOrigin() {
		t.Errorf("got %v, want the country alone", g)
	}
}

func TestSeveralFilesAnswerInTurn(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.mmdb"), filepath.Join(dir, "b.mmdb")
	write(t, a, "city ipv4", noon/1000, flat("A"))
	write(t, b, "city ipv6", noon/1000, flat("B"))
	e, err := New(Config{City: a + string(filepath.ListSeparator) + b})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Enrich(login("8.8.8.8"), noon).Geo.GetCity(); got != "A" {
		t.Errorf("got %q", got)
	}
	if got := e.Enrich(login("9.9.9.9"), noon).Geo; got != nil {
		t.Errorf("got %v", got)
	}
}

func TestWrongFilesAreRefusedWithTheirName(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.mmdb")
	if err := os.WriteFile(text, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	cityDB := filepath.Join(dir, "city.mmdb")
	write(t, cityDB, "city ipv4", 1, flat("A"))
	asnDB := filepath.Join(dir, "asn.mmdb")
	write(t, asnDB, "x-ASN", 1, mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64500)})
	for name, cfg := range map[string]Config{
		"no file": {City: filepath.Join(dir, "none.mmdb")}, "no database": {City: text},
		"ASN as City": {City: asnDB}, "City as ASN": {ASN: cityDB}, "negative cache": {AgentCache: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: got no error", name)
		} else if path := cfg.City + cfg.ASN; path != "" && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %q does not name the file", name, err)
		}
	}
}

func TestChangedFilesAreSwappedInWhileLookUpsGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	write(t, path, "city ipv4", noon/1000, flat("Old"))
	e, err := New(Config{City: path, ReloadEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) })
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if c := e.Enrich(login("8.8.8.8"), noon).Geo.GetCity(); c != "Old" && c != "New" {
					t.Errorf("got %q", c)
					return
				}
			}
		})
	}
	write(t, path, "city ipv4", noon/1000+86400, flat("New"))
	deadline := time.Now().Add(5 * time.Second)
	for e.Enrich(login("8.8.8.8"), noon).Geo.GetCity() != "New" {
		if time.Now().After(deadline) {
			t.Error("the new file was not taken within 5 s")
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := e.GeoVersion(); got != "city ipv4@2026-11-24" {
		t.Errorf("got %q", got)
	}
	cancel()
	wg.Wait()

	// What cannot be read leaves the data in use alone.
	if err := os.WriteFile(path, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := e.Reload(); n != 0 || e.stats.reloadErrors.Load() == 0 {
		t.Errorf("got %d reloads and %d errors, want 0 and some", n, e.stats.reloadErrors.Load())
	}
	if got := e.Enrich(login("8.8.8.8"), noon).Geo.GetCity(); got != "New" {
		t.Errorf("got %q", got)
	}
}
