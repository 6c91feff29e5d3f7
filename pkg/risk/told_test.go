package risk_test

import (
	"slices"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/session"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// easygoing never asks for risk.
func easygoing(t *testing.T) *risk.Engine {
	t.Helper()
	p, err := policy.Parse([]byte(`{"id":"easygoing","thresholds":{"step_up":100,"severe":100}}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := risk.New(p, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func thief(i int, at event.Millis) event.Event {
	ev := home(i, at)
	ev.Session.ID, ev.Device = "stolen", ""
	ev.Network.Place = event.Place{Known: true, Lat: 55.75, Lon: 37.62, RadiusKM: 20, Country: "RU", City: "Moscow"}
	ev.Network.ASN, ev.Network.ASOrg = 8402, "Vimpelcom"
	ev.Agent = event.AgentInfo{Raw: "curl", Browser: "Firefox", OS: "Linux", Class: "desktop"}
	return ev
}

// repeated rebuilds a profile with an engine other than the one that said what was published.
func repeated(t *testing.T, by *risk.Engine, ev event.Event, published []signal.Signal) *profile.Profile {
	t.Helper()
	p := veteran(t, newEngine(t), 50)
	var d decision.Decision
	var told session.Told
	told.Save(p)
	by.Step(p, &ev, &d)
	if session.Same(d.Signals, published) {
		t.Fatal("both engines say the same: nothing is tested")
	}
	told.Restore(p, published)
	// A worker keeps it encoded.
	var back profile.Profile
	if err := profile.Decode(p.AppendBinary(nil), &back); err != nil {
		t.Fatal(err)
	}
	return &back
}

func TestAFlagThatAppsSeeCanBeAnsweredUnderANewPolicy(t *testing.T) {
	ev := thief(60, noon)
	var d decision.Decision
	newEngine(t).Step(veteran(t, newEngine(t), 50), &ev, &d)
	if len(d.Signals) != 1 || d.Signals[0].State != signal.Required {
		t.Fatalf("got %+v, want one requirement", d.Signals)
	}
	raised := slices.Clone(d.Signals)
	p := repeated(t, easygoing(t), ev, raised)
	done := event.Event{ID: "done", Source: "//test", Type: event.StepUpCompleted, Time: noon + 60_000, Received: noon + 60_000, Tenant: "acme",
		User: event.User{ID: "u1"}, Session: event.Session{ID: "stolen", ACR: "aal2", AMR: []string{"pwd", "otp"}, AuthTime: noon + 50_000},
		ChallengeID: raised[0].ChallengeID, Action: "stepup.completed", Outcome: event.Success}
	easygoing(t).Step(p, &done, &d)
	if d.SessionState != "satisfied" || len(d.Signals) != 1 || d.Signals[0].ChallengeID != raised[0].ChallengeID || d.Signals[0].Revision != 2 {
		t.Fatalf("got %s, rule %q, signals %+v; want the flag of the old policy answered with revision 2", d.SessionState, d.Rule, d.Signals)
	}
}

func TestASessionThatAppsKnowAsClearIsAskedUnderANewPolicy(t *testing.T) {
	p := repeated(t, newEngine(t), thief(60, noon), nil)
	next := thief(61, noon+60_000)
	next.Action = "resource.read"
	var d decision.Decision
	newEngine(t).Step(p, &next, &d)
	if len(d.Signals) != 1 || d.Signals[0].State != signal.Required || d.Signals[0].Revision != 1 {
		t.Fatalf("got %s at risk %v with signals %+v, want a requirement that apps hear of", d.SessionState, d.Risk, d.Signals)
	}
}
