package baseline_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// did is a login of somebody in Oslo on a Monday at 09:00 by the sun.
func did(user, action, token string) *event.Event {
	const monday = 1_780_300_800_000 // 2026-06-01 08:00 UTC
	ev := &event.Event{Type: event.Activity, Outcome: event.Success, Tenant: "t", User: event.User{ID: user}, Action: action, Device: token, Time: monday}
	ev.Network.ASN = 2119
	ev.Network.Place = event.Place{Known: true, Lat: 59.9, Lon: 15, Country: "NO"}
	ev.Agent = event.AgentInfo{Class: "desktop", OS: "Linux", Browser: "Firefox"}
	return ev
}

func build(t *testing.T, b *baseline.Builder) *baseline.Baseline {
	t.Helper()
	doc, err := b.Document(baseline.Default(), "mine-1", "a test")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := baseline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWithoutHistoryTheBaselineStaysWhatItWas(t *testing.T) {
	t.Parallel()
	from, got := baseline.Default(), build(t, baseline.NewBuilder())
	if got.Version() != "mine-1" {
		t.Errorf("got version %s, want mine-1", got.Version())
	}
	for name, want := range from.Document().Countries {
		if share := got.Document().Countries[name]; math.Abs(share-want) > 1e-5 {
			t.Errorf("%s: got %v, want %v", name, share, want)
		}
	}
	for h := range 24 {
		if a, b := got.Hour(false, h), from.Hour(false, h); math.Abs(a-b) > 1e-4 {
			t.Errorf("hour %d: got %v, want %v", h, a, b)
		}
	}
}

func TestHistoryMovesTheSharesAndIsCountedOncePerThing(t *testing.T) {
	t.Parallel()
	b := baseline.NewBuilder()
	for n := range 4500 {
		b.Add(did(fmt.Sprint("u", n%50), "invoice.approve", ""))
	}
	got := build(t, b)
	doc := got.Document()
	if b.Events() != 4500 || b.Users() != 50 {
		t.Errorf("got %d events of %d users, want 4500 of 50", b.Events(), b.Users())
	}
	// 4500 counted, 500 of the default: nine tenths are the history's.
	for name, got := range map[string]float64{
		"NO": doc.Countries["NO"], "invoice.approve": doc.Actions["invoice.approve"], "AS2119": doc.ASNs["2119"],
		"desktop": doc.Classes["desktop"], "Linux": doc.Systems["desktop"]["Linux"], "Firefox": doc.Browsers["Linux"]["Firefox"], "09:00": got.Hour(false, 9),
	} {
		if got < 0.9 || got > 0.96 {
			t.Errorf("%s: got a share of %v, want a little over 0.9", name, got)
		}
	}
	if us := doc.Countries["US"]; us > 0.02 || us <= 0 {
		t.Errorf("US, not seen: got %v, want a tenth of the default's 0.16", us)
	}
}

func TestOneUserIsNotThePopulation(t *testing.T) {
	t.Parallel()
	b := baseline.NewBuilder()
	for range 50_000 {
		b.Add(did("script", "secret.read", ""))
	}
	for n := range 2 {
		b.Add(did(fmt.Sprint("u", n), "secret.write", ""))
	}
	doc, err := b.Document(baseline.Default(), "x", "a test")
	if err != nil {
		t.Fatal(err)
	}
	if b.Events() > 1002 {
		t.Errorf("%d events of three users were counted, want at most 1000 each", b.Events())
	}
	for _, action := range []string{"secret.read", "secret.write"} {
		if share, listed := doc.Actions[action]; listed {
			t.Errorf("%s is listed with %v, though fewer than three people did it", action, share)
		}
	}
	if _, listed := doc.ASNs["2119"]; !listed {
		t.Error("a network of three people is not listed")
	}
}

func TestMissingTokensAreThoseOfPeopleWhoHaveOne(t *testing.T) {
	t.Parallel()
	b := baseline.NewBuilder()
	for n := range 1000 {
		user := fmt.Sprint("u", n)
		b.Add(did(user, "auth.login", "d"))   // the first: nothing to compare with
		b.Add(did(user, "auth.login", "d"))   // known
		b.Add(did(user, "auth.login", ""))    // missing
		b.Add(did(user, "auth.login", "d2"))  // never seen
		b.Add(did(user, "resource.read", "")) // no login
		b.Add(did("anonymous"+user, "auth.login", ""))
	}
	if got := build(t, b).MissingToken(); math.Abs(got-2.0/3) > 0.02 {
		t.Errorf("got %v, want two thirds", got)
	}
}

func TestWhatIsNoPersonsSuccessIsPassedOver(t *testing.T) {
	t.Parallel()
	b := baseline.NewBuilder()
	for _, change := range []func(*event.Event){
		func(ev *event.Event) { ev.Type = event.StepUpCompleted },
		func(ev *event.Event) { ev.Outcome = event.Failure },
		func(ev *event.Event) { ev.User.Kind = event.Service },
	} {
		ev := did("u", "resource.read", "")
		change(ev)
		b.Add(ev)
	}
	if b.Events() != 0 {
		t.Errorf("%d events were counted, want none", b.Events())
	}
}

func TestAGroupHasItsOwnBaselineUnderTheVersionOfAll(t *testing.T) {
	t.Parallel()
	all, acme := baseline.NewBuilder(), baseline.NewBuilder()
	for n := range 3000 {
		ev := did(fmt.Sprint("u", n%30), "invoice.approve", "")
		if n%10 == 0 {
			acme.Add(ev)
		} else {
			ev.Network.Place.Country = "SE"
		}
		all.Add(ev)
	}
	doc, err := all.Document(baseline.Default(), "mine-2", "a test")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(doc)
	population, err := baseline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	group, err := acme.Document(population, "mine-2", "acme of a test")
	if err != nil {
		t.Fatal(err)
	}
	doc.Groups = map[string]baseline.Document{"acme": group}
	text, _ = json.Marshal(doc)
	b, err := baseline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	norway := profile.Country("NO")
	if own, others := b.For("acme").Network(0, norway), b.For("other").Network(0, norway); own < 2*others {
		t.Errorf("NO is %v at acme and %v elsewhere, want clearly more at acme", own, others)
	}
	if b.For("acme").Version() != "mine-2" || b.For("other") != b {
		t.Error("a group must go by the version of all, and others by the whole")
	}
	group.Groups = map[string]baseline.Document{"x": doc}
	doc.Groups["acme"] = group
	text, _ = json.Marshal(doc)
	if _, err := baseline.Parse(text); err == nil {
		t.Error("groups within groups were accepted")
	}
}
