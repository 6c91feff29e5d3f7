package risk_test

import (
	"fmt"
	"math"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// anyEvent draws events of one user from a small world, so that things repeat, with rare nonsense.
func anyEvent(t *rapid.T, i int, at event.Millis) event.Event {
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	ev := event.Event{
		ID: fmt.Sprintf("e%d", i), Source: "//any", Type: event.Activity, Time: at, Tenant: "acme", User: event.User{ID: "u1"},
		Action:  []string{"auth.login", "auth.login", "resource.read", "resource.export", "apikey.create", "auth.refresh"}[pick("action", 6)],
		Outcome: event.Outcome(1 + pick("outcome", 4)), Count: 1,
	}
	ev.Session.ID = []string{"", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10"}[pick("session", 11)]
	ev.Device = []string{"", "laptop", "phone", "other"}[pick("device", 4)]
	ev.Agent = []event.AgentInfo{
		{}, {Class: "desktop", OS: "Windows", Browser: "Chrome", BrowserMajor: 140}, {Class: "phone", OS: "iOS", Browser: "Safari", BrowserMajor: 18}, {Raw: "curl/8"},
	}[pick("agent", 4)]
	ev.Network = []event.Network{
		{},
		{IP: netip.MustParseAddr("81.2.69.1"), ASN: 2856, Kind: event.Residential, Place: event.Place{Known: true, Lat: 51.5, Lon: -0.1, RadiusKM: 20, Country: "GB", City: "London"}},
		{IP: netip.MustParseAddr("2a00:23c6:1:2::9"), ASN: 2856, Place: event.Place{Known: true, Lat: 53.5, Lon: -2.2, RadiusKM: 50, Country: "GB"}},
		{IP: netip.MustParseAddr("126.1.1.1"), ASN: 17676, Kind: event.Mobile, Place: event.Place{Known: true, Lat: 35.7, Lon: 139.7, RadiusKM: 500, Country: "JP", City: "Tokyo"}},
		{IP: netip.MustParseAddr("5.5.5.5"), Kind: event.VPN, Place: event.Place{Known: true, Lat: math.NaN(), Lon: math.Inf(1), RadiusKM: -3, Country: "x"}},
		{IP: netip.MustParseAddr("178.62.1.1"), ASN: 14061, Kind: event.Hosting, RTT: 80, Place: event.Place{Known: true, Lat: -90, Lon: 180, RadiusKM: 1e9, Country: "DE"}},
	}[pick("network", 6)]
	if pick("odd", 4) == 0 {
		ev.Type = event.Type(1 + pick("type", 8))
		ev.Bytes = uint64(rapid.Uint32().Draw(t, "bytes"))
		ev.Count = rapid.Uint32().Draw(t, "count")
		ev.Resource = event.Resource{Type: "payroll", Sensitivity: event.Sensitivity(pick("sensitivity", 5))}
		ev.Session.ACR = []string{"", "aal1", "aal2", "aal3", "nonsense"}[pick("acr", 5)]
		ev.Session.AuthTime = at - event.Millis(pick("auth", 100000))
		ev.Feedback.Verdict = []string{"legitimate", "attack", "end_challenge", "revoke_session", ""}[pick("verdict", 5)]
		ev.Crowd = event.Crowd{IPFailedUsers: uint32(pick("failed", 90)), IPUsers: uint32(pick("users", 300))}
		ev.User.Kind = event.UserKind(pick("kind", 3))
	}
	return ev
}

// anyTimes draws times that mostly advance, sometimes step back, sometimes leap over months.
func anyTimes(t *rapid.T, n int) []event.Millis {
	at := noon
	times := make([]event.Millis, n)
	for i := range times {
		switch rapid.IntRange(0, 9).Draw(t, "leap") {
		case 0:
			at += event.Millis(rapid.IntRange(0, 400).Draw(t, "days")) * day
		case 1:
			times[i] = at - event.Millis(rapid.IntRange(0, 30).Draw(t, "back"))*hour
			continue
		default:
			at += event.Millis(rapid.IntRange(0, 3*3600*1000).Draw(t, "ms"))
		}
		times[i] = at
	}
	return times
}

func stranger(i int, at event.Millis) event.Event {
	ev := home(i, at)
	ev.Device = ""
	ev.Agent = event.AgentInfo{Class: "desktop", OS: "Linux", Browser: "Firefox", BrowserMajor: 128}
	ev.Network = event.Network{IP: netip.MustParseAddr("126.1.1.1"), ASN: 17676, Place: event.Place{Known: true, Lat: 35.7, Lon: 139.7, RadiusKM: 20, Country: "JP", City: "Tokyo"}}
	return ev
}
