package risk_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

type travelTable struct {
	Cities map[string][3]any `yaml:"cities"`
	Moves  []struct {
		From, To    string
		Hours       float64
		Token, Bare string
		Kind        string
		Device      string
		Radius      float64 `yaml:"radius_km"`
		Why         string
	} `yaml:"moves"`
}

// The moves of testdata/travel.yaml are the world's, not the formula's.
func TestMovesThatPeopleMakeAreAllowedAndOthersAreAsked(t *testing.T) {
	var table travelTable
	load(t, "testdata/travel.yaml", &table)
	if len(table.Moves) < 60 {
		t.Fatalf("got %d moves", len(table.Moves))
	}
	place := func(name string) event.Place {
		c, ok := table.Cities[name]
		if !ok {
			t.Fatalf("no city %q", name)
		}
		return event.Place{Known: true, Lat: number(c[0]), Lon: number(c[1]), RadiusKM: 20, Country: c[2].(string), City: name}
	}
	for i := range table.Moves {
		m := &table.Moves[i]
		for _, with := range []struct{ device, want string }{{"laptop", m.Token}, {"", m.Bare}} {
			if with.want == "" {
				continue
			}
			name := fmt.Sprintf("%s to %s in %vh%s, token %q", m.From, m.To, m.Hours, m.Kind, with.device)
			t.Run(name, func(t *testing.T) {
				e := newEngine(t)
				var p profile.Profile
				var d decision.Decision
				step := func(i int, at event.Millis, where event.Place, asn uint32, kind event.NetworkKind) {
					ev := home(i, at)
					ev.Device = with.device
					ev.Agent.BrowserMajor = 140
					if m.Device == "phone" {
						ev.Agent.Class, ev.Agent.OS, ev.Agent.Browser = "phone", "iOS", "Safari"
					}
					ev.Network.Place, ev.Network.ASN, ev.Network.Kind = where, asn, kind
					ev.Network.IP = netip.AddrFrom4([4]byte{byte(asn), 2, 3, 4})
					e.Step(&p, &ev, &d)
				}
				for i := range 31 {
					step(i, noon-event.Millis(30-i)*day, place(m.From), 71, event.Residential)
					if d.Action != decision.Allow {
						t.Fatalf("login %d at home: %s, parts %+v", i, d.Action, d.Parts)
					}
				}
				there, asn, kind := place(m.To), uint32(72), event.Residential
				if m.Radius > 0 {
					there.RadiusKM = m.Radius
				}
				if m.Kind != "" {
					kind = map[string]event.NetworkKind{"mobile": event.Mobile, "vpn": event.VPN, "relay": event.Relay, "satellite": event.Satellite, "hosting": event.Hosting}[m.Kind]
				}
				step(31, noon+event.Millis(m.Hours*3.6e6), there, asn, kind)
				want := map[string]decision.Action{"allow": decision.Allow, "ask": decision.StepUp}[with.want]
				if d.Action != want {
					t.Errorf("%s at risk %v, want %s %s\n%+v", d.Action, d.Risk, with.want, m.Why, d.Parts)
				}
			})
		}
	}
}

func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	panic(fmt.Sprintf("not a number: %v", v))
}
