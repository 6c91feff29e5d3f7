package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestToEventTakesEnrichmentFirstAndTheEventWhereItIsSilent(t *testing.T) {
	pb := contractEvent()
	pb.Attributes = map[string]string{"b": "2", "a": "1"}
	en := &riskdv1.Enrichment{
		Geo: &riskdv1.Geo{Lat: 35.7, Lon: 139.7, AccuracyKm: 10, Country: "JP", City: "Tokyo"},
		Asn: 2516, ReceivedMs: 1795435200500,
		Agent: &riskdv1.Agent{Browser: "Chrome", BrowserMajor: 140, Os: "Windows", OsMajor: 10, DeviceClass: "desktop"},
		Crowd: &riskdv1.Crowd{IpFailedUsers: 1, IpUsers: 2, DeviceUsers: 3, IpFailures: 4},
	}
	var got event.Event
	if err := wire.ToEvent(pb, en, &got); err != nil {
		t.Fatal(err)
	}
	want := event.Event{
		ID: "e1", Source: "//acme/apps/web", Type: event.Activity, Time: 1795435200123, Received: 1795435200500,
		Tenant: "acme", User: event.User{ID: "u1"},
		Session: event.Session{ID: "s1", AuthTime: 1795435200000, ACR: "aal1", AMR: []string{"pwd"}},
		Device:  "d1",
		Network: event.Network{IP: netip.MustParseAddr("203.0.113.45"), RTT: 31,
			Place: event.Place{Known: true, Lat: 35.7, Lon: 139.7, RadiusKM: 10, Country: "JP", City: "Tokyo"},
			ASN:   2516, ASOrg: "Example", Kind: event.Residential},
		Agent:  event.AgentInfo{Raw: "Mozilla/5.0 ...", Browser: "Chrome", BrowserMajor: 140, OS: "Windows", OSMajor: 10, Class: "desktop"},
		Action: "auth.login", Resource: event.Resource{Type: "app", ID: "web", Sensitivity: event.Internal},
		Outcome: event.Success, Count: 1,
		Attributes: []event.Attribute{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}},
		Crowd:      event.Crowd{IPFailedUsers: 1, IPUsers: 2, DeviceUsers: 3, IPFailures: 4},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("event differs (-want +got):\n%s", d)
	}
}

func sampleDecision() *decision.Decision {
	return &decision.Decision{
		Status: decision.Scored, EventID: "e1", Tenant: "acme", User: "u1", Session: "s1", Time: 1795435200000,
		Risk: 82.4, Level: "high", Action: decision.StepUp,
		Scores: decision.Scores{ImpossibleTravel: 91, NewDevice: 40.2, Deviation: 12.1},
		Parts: []decision.Part{{Code: "impossible_travel", Nats: 3.71, Detail: []decision.Detail{
			{Key: "km", Number: 9554}, {Key: "kmh", Number: 23700}, {Key: "from", Text: "London, GB", IsText: true}}}},
		Unknown: []string{"asn"}, ChallengeID: "ch_1", SessionState: "required",
		Policy: "default@3f2a", Baseline: "2026-11-20", Geo: "GeoLite2-City@2026-09-18", Engine: "1",
	}
}

func sampleSignal() signal.Signal {
	return signal.Signal{
		ChallengeID: "ch_1", Revision: 7, Tenant: "acme", User: "u1", Session: "s1", State: signal.Required,
		Score: 82.4, Level: "high", PreviousLevel: "low", Reasons: []string{"impossible_travel"},
		Require: signal.Requirement{ACR: []string{"aal2"}, AMR: []string{"hwk", "otp"}},
		Issued:  1795435200131, Expires: 1795436100000, At: 1795435200131, OnExpiry: "deny",
		PolicyID: "default", PolicyVersion: "3f2a", Rule: "threshold", EventID: "e1",
		ReasonUser: "Please confirm it is you.", Cause: "impossible_travel",
	}
}

func TestShadowHitsAreToldFromThoseThatCount(t *testing.T) {
	d := sampleDecision()
	d.Hits = []decision.Hit{{Rule: "a", Effect: decision.NotifyEffect}, {Rule: "b", Effect: decision.DenyEffect, Shadow: true}, {Rule: "c", Effect: decision.StepUpEffect}}
	var pb riskdv1.Decision
	wire.FromDecision(d, &pb)
	if line := wire.AppendDecisionJSON(nil, &pb); !bytes.Contains(line, []byte(`"hits":["a","c"],"shadow_hits":["b"]`)) {
		t.Errorf("got %s", line)
	}
}

func TestFromDecisionReusesMemoryWithoutMixingDecisions(t *testing.T) {
	big := sampleDecision()
	for range 4 {
		big.Parts = append(big.Parts, decision.Part{Code: "x", Detail: []decision.Detail{{Key: "t", Text: "words", IsText: true}, {Key: "n", Number: 1}}})
	}
	big.Hits = []decision.Hit{{Rule: "a"}, {Rule: "b", Shadow: true}}
	small := &decision.Decision{Status: decision.Scored, EventID: "e2",
		Parts: []decision.Part{{Code: "prior", Nats: -4, Detail: []decision.Detail{{Key: "a", Text: "b", IsText: true}}}}}
	var reused, fresh riskdv1.Decision
	wire.FromDecision(big, &reused)
	wire.FromDecision(small, &reused)
	wire.FromDecision(small, &fresh)
	if got, want := wire.AppendDecisionJSON(nil, &reused), wire.AppendDecisionJSON(nil, &fresh); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if allocs := testing.AllocsPerRun(100, func() { wire.FromDecision(big, &reused) }); allocs > 0 {
		t.Errorf("got %v allocations for a decision of the same shape, want 0", allocs)
	}
}

func TestSignalsSurviveTheRoundTrip(t *testing.T) {
	want := sampleSignal()
	want.Scope = signal.Scope{Action: "apikey.create", ResourceType: "page", ResourceID: "payroll", Class: event.Restricted}
	var pb riskdv1.Signal
	wire.FromSignal(&want, &pb)
	var got signal.Signal
	wire.ToSignal(&pb, &got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("signal differs (-want +got):\n%s", d)
	}
	line := string(wire.AppendSignalJSON(nil, &pb))
	const wantLine = `{"challenge_id":"ch_1","revision":7,"tenant_id":"acme","user":{"id":"u1"},"session_id":"s1","state":"required",` +
		`"risk":{"score":82.4,"level":"high","previous_level":"low","reasons":["impossible_travel"]},` +
		`"require":{"acr_values":["aal2"],"amr_values":["hwk","otp"],"max_age":0},` +
		`"scope":{"action":"apikey.create","resource_type":"page","resource_id":"payroll","sensitivity":"restricted"},` +
		`"issued_at":"2026-11-23T12:00:00.131Z","expires_at":"2026-11-23T12:15:00Z","on_expiry":"deny",` +
		`"policy":{"id":"default","version":"3f2a","rule":"threshold"},"event_id":"e1","reason_user":{"en":"Please confirm it is you."},` +
		`"at":"2026-11-23T12:00:00.131Z","cause":"impossible_travel"}`
	if line != wantLine {
		t.Errorf("got  %s\nwant %s", line, wantLine)
	}
}
