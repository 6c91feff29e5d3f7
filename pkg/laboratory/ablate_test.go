package laboratory

import (
	"net/netip"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

func TestWithoutBackOffANeighbourIsAStranger(t *testing.T) {
	engine := testEngine(t)
	known := NewRiskd("with", engine)
	blind := NewRiskd("without", WithoutBackOff(engine))
	for i := range 20 {
		ev := ablationLogin(i)
		known.Learn(&ev)
		blind.Learn(&ev)
	}
	same, neighbour := ablationLogin(20), ablationLogin(20)
	neighbour.Network.IP = netip.MustParseAddr("81.2.69.99")
	if with, without := known.Score(&neighbour)-known.Score(&same), blind.Score(&neighbour)-blind.Score(&same); without <= with {
		t.Errorf("another address of the same street adds %.2f nats with back-off and %.2f without; want more without", with, without)
	}
	if v := blind.Score(&same); v > -3 {
		t.Errorf("the very address is a stranger without back-off: %.2f nats", v)
	}
}

func TestWithoutDecayAnOldHomeStaysHome(t *testing.T) {
	engine := testEngine(t)
	fading, flat := NewRiskd("with", engine), NewRiskd("without", WithoutDecay(engine))
	for i := range 20 {
		ev := ablationLogin(i)
		fading.Learn(&ev)
		flat.Learn(&ev)
	}
	later := ablationLogin(400)
	later.Network.IP, later.Network.ASN = netip.MustParseAddr("90.1.2.3"), 3215
	if with, without := fading.Score(&later), flat.Score(&later); without <= with {
		t.Errorf("a year later a new network gives %.2f nats with fading and %.2f without; want more surprise without", with, without)
	}
}

func TestWithoutSessionsNothingChangesWithinOne(t *testing.T) {
	engine := testEngine(t)
	with, without := NewRiskd("with", engine), NewRiskd("without", WithoutSession(engine))
	for i := range 20 {
		ev := ablationLogin(i)
		with.Learn(&ev)
		without.Learn(&ev)
	}
	stolen := ablationLogin(19)
	stolen.ID, stolen.Time, stolen.Action = "stolen", stolen.Time+60_000, "resource.read"
	stolen.Agent = event.AgentInfo{Raw: "other", Class: "desktop", OS: "Linux", Browser: "Firefox", BrowserMajor: 128}
	if a, b := with.Score(&stolen), without.Score(&stolen); a <= b {
		t.Errorf("another browser in mid-session gives %.2f nats with sessions and %.2f without", a, b)
	}
}

func ablationLogin(i int) event.Event {
	at := event.Millis(time.Date(2026, 9, 7, 8, 0, 0, 0, time.UTC).UnixMilli()) + event.Millis(i)*86_400_000
	id := time.UnixMilli(int64(at)).UTC().Format("2006-01-02")
	return event.Event{
		ID: "e" + id, Source: "//test", Type: event.Activity, Time: at, Tenant: "acme", User: event.User{ID: "u1"}, Session: event.Session{ID: "s" + id},
		Network: event.Network{IP: netip.MustParseAddr("81.2.69.144"), ASN: 2856, Place: event.Place{Country: "GB"}},
		Agent:   event.AgentInfo{Raw: "ua", Class: "desktop", OS: "Windows", Browser: "Chrome", BrowserMajor: 140},
		Action:  "auth.login", Outcome: event.Success, Count: 1,
	}
}
