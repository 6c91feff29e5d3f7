package enrich

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/wire/wiretest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const noon = int64(1795435200000)

func login(ip string) *riskdv1.Event {
	return &riskdv1.Event{
		Id: "e1", Source: "s", Type: "dev.riskd.activity.v1", TimeMs: noon, TenantId: "acme",
		User: &riskdv1.User{Id: "u1"}, Action: "auth.login", Outcome: "success",
		Network: &riskdv1.Network{Ip: ip},
	}
}

func TestAddressesWithoutAPlaceStayUnknown(t *testing.T) {
	e := realData(t)
	for _, ip := range []string{"", "10.1.2.3", "192.168.0.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "203.0.113.7", "224.0.0.1",
		"0.0.0.0", "255.255.255.255", "::1", "fe80::1", "fd00::1", "2001:db8::1", "ff02::1"} {
		en := e.Enrich(login(ip), noon)
		if en.Geo != nil || en.Asn != 0 || en.AsOrg != "" || en.Kind != "" {
			t.Errorf("%q: got %v", ip, en)
		}
	}
}

func TestWhatATrustedUpstreamSaysWins(t *testing.T) {
	e := realData(t)
	ev := login("81.2.69.142")
	ev.Network.Geo = &riskdv1.Geo{Lat: 35.7, Lon: 139.7, Country: "JP"}
	ev.Network.Asn, ev.Network.AsOrg, ev.Network.Kind = 64500, "Example", "vpn"
	en := e.Enrich(ev, noon)
	if en.Geo.GetCountry() != "JP" || en.Asn != 64500 || en.AsOrg != "Example" || en.Kind != "vpn" {
		t.Errorf("got %v", en)
	}

	ev = login("81.2.69.142")
	ev.Network.Geo = &riskdv1.Geo{Country: "FR"} // no position: the data knows more
	ev.Network.Asn = 16509
	en = e.Enrich(ev, noon)
	if en.Geo.GetCountry() != "GB" || en.Asn != 16509 || en.AsOrg != "" || en.Kind != "hosting" {
		t.Errorf("got %v, want the data's place and the upstream's network, with its kind told from the number", en)
	}

	ev = login("10.0.0.1")
	ev.Network.Geo = &riskdv1.Geo{Country: "FR"}
	if en = e.Enrich(ev, noon); en.Geo.GetCountry() != "FR" {
		t.Errorf("got %v, want the country, better than nothing", en.Geo)
	}

	ev = login("81.2.69.142")
	ev.Network.Kind = "mobile"
	if en = e.Enrich(ev, noon); en.Kind != "mobile" || en.Asn != 20712 {
		t.Errorf("got %v, want the upstream's kind and the data's number", en)
	}
}

func TestWithoutDatabasesEverythingIsUnknownButTheAgent(t *testing.T) {
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	ev := login("81.2.69.142")
	ev.Http = &riskdv1.Http{UserAgent: "curl/8.5.0"}
	en := e.Enrich(ev, noon+5)
	want := &riskdv1.Enrichment{ReceivedMs: noon + 5, Crowd: &riskdv1.Crowd{}, Agent: &riskdv1.Agent{Browser: "curl", BrowserMajor: 8, DeviceClass: "other"}}
	if !proto.Equal(en, want) {
		t.Errorf("got %v, want %v", en, want)
	}
	if e.GeoVersion() != "none" || e.Attribution() != "" || e.Age(time.Now()) != 0 {
		t.Errorf("got %q %q", e.GeoVersion(), e.Attribution())
	}
}

func TestNetworkNamesAreMatchedByWholeWords(t *testing.T) {
	k := newKinds()
	for org, want := range map[string]string{
		"OVH SAS": "hosting", "Novhaus Networks": "", "DigitalOcean, LLC": "hosting", "LeaseWeb Netherlands B.V.": "hosting",
		"T-Mobile Austria GmbH": "mobile", "Automobile Club": "", "Starlink Services": "satellite", "Some VPN Ltd": "vpn",
		"Cloudflare London, LLC": "relay", "Kabelplus GmbH": "residential", "University of Somewhere": "", "": "",
	} {
		if got := k.of(64512, org); got != want {
			t.Errorf("%q: got %q, want %q", org, got, want)
		}
		if got := k.of(64512, org); got != want {
			t.Errorf("%q from the cache: got %q, want %q", org, got, want)
		}
	}
	for _, bad := range []string{"hosting", "unknown AS1", "nokind AS1", "vpn AS1\nvpn AS1", "vpn ab", "vpn abc\nhosting abc"} {
		if _, err := parseKinds(bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestMetricsAreRegisteredWithoutConflict(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg.MustRegister(e)
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
}

func TestTheCacheIsBoundedAndTellsKeysApart(t *testing.T) {
	c := newCache[int, int](8)
	for i := range 1000 {
		c.put(mix(uint64(i)), i, i*2)
	}
	kept := 0
	for i := range 1000 {
		if v, ok := c.get(mix(uint64(i)), i); ok {
			kept++
			if v != i*2 {
				t.Fatalf("got %d for %d", v, i)
			}
		}
	}
	if kept == 0 || kept > 8 {
		t.Errorf("kept %d entries in 8 slots", kept)
	}
}

func BenchmarkEnrich(b *testing.B) {
	e := realData(b)
	for name, n := range map[string]int{"warm_2000_addresses": 2000, "cold_200000_addresses": 200000} {
		b.Run(name, func(b *testing.B) {
			ips := addresses(b, e, n)
			evs := make([]*riskdv1.Event, n)
			for i := range evs {
				ev := login(ips[i])
				ev.User.Id = fmt.Sprint("user", i%1000)
				ev.Device = &riskdv1.Device{Id: fmt.Sprint("device", i%1000)}
				ev.Http = &riskdv1.Http{UserAgent: fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 100+i%40)}
				evs[i] = ev
			}
			for _, ev := range evs {
				e.Enrich(ev, noon)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e.Enrich(evs[i%n], noon)
				i++
			}
		})
	}
}

func TestNothingOfTheEnrichmentBeforeIsLeft(t *testing.T) {
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	got, want := new(riskdv1.Enrichment), new(riskdv1.Enrichment)
	wiretest.Fill(got)
	got.ProtoReflect().SetUnknown(nil) // enrichments are made here, not read
	got.Crowd.ProtoReflect().SetUnknown(nil)
	for i, out := range []*riskdv1.Enrichment{got, want} {
		e.EnrichIn(i, []Lookup{{Event: new(riskdv1.Event), ReceivedMS: 1, Out: out}})
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
