package risk_test

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

func newEngine(t testing.TB) *risk.Engine {
	t.Helper()
	e, err := risk.New(policy.Default(), baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const (
	day  = event.Millis(24 * 3600 * 1000)
	hour = event.Millis(3600 * 1000)
	noon = event.Millis(1_795_435_200_000) // 2026-11-23T12:00:00Z
)

// home is an ordinary login from London on a known laptop.
func home(i int, at event.Millis) event.Event {
	return event.Event{
		ID: "e" + strconv.Itoa(i), Source: "//test", Type: event.Activity, Time: at, Received: at,
		Tenant: "acme", User: event.User{ID: "u1"}, Session: event.Session{ID: "s" + strconv.Itoa(i)},
		Device: "laptop",
		Network: event.Network{
			IP:    netip.AddrFrom4([4]byte{81, 2, 69, byte(140 + i%5)}),
			Place: event.Place{Known: true, Lat: 51.5, Lon: -0.12, RadiusKM: 20, Country: "GB", City: "London"},
			ASN:   2856, ASOrg: "BT", Kind: event.Residential,
		},
		Agent: event.AgentInfo{
			Raw: "Mozilla/5.0", Browser: "Chrome", BrowserMajor: uint32(140 + i/20), OS: "Windows", OSMajor: 11, Class: "desktop",
		},
		Action: "auth.login", Outcome: event.Success, Count: 1,
	}
}

// veteran is a user with n logins on as many days, the last one day before noon.
func veteran(t testing.TB, e *risk.Engine, n int) *profile.Profile {
	t.Helper()
	p := &profile.Profile{}
	var d decision.Decision
	for i := range n {
		ev := home(i, noon-event.Millis(n-i)*day+event.Millis(i%7)*hour/4)
		e.Step(p, &ev, &d)
		if d.Action != decision.Allow {
			t.Fatalf("login %d: got %s at risk %v, parts %+v", i, d.Action, d.Risk, d.Parts)
		}
	}
	return p
}

func TestAStolenSessionIsChallengedAndTheOwnerIsNot(t *testing.T) {
	e := newEngine(t)
	p := veteran(t, e, 50)
	b := p.AppendBinary(nil)
	t.Logf("%d bytes", len(b))
	var d decision.Decision
	show := func(what string, ev event.Event) {
		e.Step(p, &ev, &d)
		t.Logf("%s: %v %s %s %s scores %+v", what, d.Risk, d.Action, d.SessionState, d.Rule, d.Scores)
		for _, pt := range d.Parts {
			t.Logf("    %+v", pt)
		}
		for _, sg := range d.Signals {
			t.Logf("    signal %+v", sg)
		}
	}
	ev := home(50, noon)
	show("home", ev)
	ev = home(51, noon+hour)
	ev.Session.ID = "s50"
	ev.Action = "resource.read"
	ev.Network.Place = event.Place{Known: true, Lat: 35.7, Lon: 139.7, RadiusKM: 20, Country: "JP", City: "Tokyo"}
	ev.Network.ASN = 2516
	ev.Network.IP = netip.MustParseAddr("106.1.2.3")
	ev.Agent = event.AgentInfo{Browser: "Firefox", BrowserMajor: 140, OS: "Linux", Class: "desktop"}
	show("stolen", ev)
	ev = home(53, noon+2*hour)
	show("owner", ev)
	ev = home(54, noon+12*hour)
	ev.Device = ""
	ev.Network.Place = event.Place{Known: true, Lat: 40.7, Lon: -74, RadiusKM: 20, Country: "US", City: "New York"}
	ev.Network.ASN = 7018
	ev.Network.IP = netip.MustParseAddr("12.1.2.3")
	show("trip without token", ev)
}

func TestAnOrdinaryStepAllocatesNothing(t *testing.T) {
	e := newEngine(t)
	p := veteran(t, e, 50)
	var d decision.Decision
	evs := make([]event.Event, 300)
	for i := range evs {
		evs[i] = home(100+i, noon+event.Millis(i)*1000)
		evs[i].Session.ID, evs[i].Action = "s49", "resource.read"
	}
	next := evs
	step := func() {
		e.Step(p, &next[0], &d)
		if next = next[1:]; d.Status != decision.Scored {
			t.Fatalf("got status %v: nothing was measured", d.Status)
		}
	}
	for range 50 { // slices grow to their size
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("got %v allocations a step, want 0", n)
	}
}

func BenchmarkStep(b *testing.B) {
	e := newEngine(b)
	p := veteran(b, e, 50)
	var d decision.Decision
	evs := make([]event.Event, 1024)
	for i := range evs {
		evs[i] = home(100+i, noon)
		evs[i].Session.ID = "s49"
		evs[i].Action = "resource.read"
		evs[i].Agent.BrowserMajor = 142
	}
	enc := p.AppendBinary(nil)
	var q profile.Profile
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i%1024 == 0 {
			_ = profile.Decode(enc, &q)
		}
		ev := &evs[i%1024]
		e.Step(&q, ev, &d)
		i++
	}
}

// BenchmarkStepUnderSuspicion is the dear case: nearly every kind of evidence speaks, a challenge is
// raised or held, and there is much to explain. The profile is read back now and then, as after a batch.
func BenchmarkStepUnderSuspicion(b *testing.B) {
	e := newEngine(b)
	var enc = veteran(b, e, 50).AppendBinary(nil)
	var d decision.Decision
	evs := make([]event.Event, 64)
	for i := range evs {
		evs[i] = thief(100+i, noon+event.Millis(i)*hour/60)
		evs[i].Network.Kind, evs[i].Device = event.Hosting, "another"
		evs[i].Crowd = event.Crowd{IPFailedUsers: 30, IPUsers: 40, DeviceUsers: 5, IPFailures: 90}
		if i%4 != 0 {
			evs[i].Session.ID, evs[i].Action, evs[i].Bytes = evs[i-i%4].Session.ID, "resource.export", 50<<20
			evs[i].Resource = event.Resource{Type: "payroll", ID: "2026-11", Sensitivity: event.Restricted}
		}
	}
	var q profile.Profile
	parts, asked := 0, 0
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n%len(evs) == 0 {
			if err := profile.Decode(enc, &q); err != nil {
				b.Fatal(err)
			}
		}
		e.Step(&q, &evs[n%len(evs)], &d)
		parts += len(d.Parts)
		if d.Action != decision.Allow {
			asked++
		}
		n++
	}
	b.ReportMetric(float64(parts)/float64(n), "parts/op")
	if asked < n/2 {
		b.Fatalf("only %d of %d events were under suspicion: this measures something else", asked, n)
	}
}
