package wire_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

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

func TestDecisionLineHasTheContractsMembersInItsOrder(t *testing.T) {
	var pb riskdv1.Decision
	wire.FromDecision(sampleDecision(), &pb)
	got := string(wire.AppendDecisionJSON(nil, &pb))
	want := `{"event_id":"e1","tenant_id":"acme","user_id":"u1","session_id":"s1","time":"2026-11-23T12:00:00Z","risk":82.4,"level":"high","action":"step_up",` +
		`"scores":{"impossible_travel":91,"new_device":40.2,"deviation":12.1},` +
		`"parts":[{"code":"impossible_travel","nats":3.71,"detail":{"km":9554,"kmh":23700,"from":"London, GB"}}],` +
		`"unknown":["asn"],"challenge_id":"ch_1","session_state":"required","policy":"default@3f2a","baseline":"2026-11-20","geo":"GeoLite2-City@2026-09-18","engine":"1"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	d := sampleDecision()
	d.Rule, d.Signals = "severe", []signal.Signal{sampleSignal(), sampleSignal()}
	wire.FromDecision(d, &pb)
	if line := wire.AppendDecisionJSON(nil, &pb); !json.Valid(line) || !bytes.Contains(line, []byte(`"rule":"severe","signals":[{"challenge_id"`)) {
		t.Errorf("got %s", line)
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

func TestNumbersAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	for _, f := range []float64{0, 1, -1, 0.1, 82.4, 1.0 / 3, 1e-6, 9.99e-7, 1e-9, 1.5e-10, 1e20, 1e21, -2.5e300, 5e-324, math.MaxFloat64, 23700} {
		d := &riskdv1.Decision{Risk: f}
		var back struct{ Risk float64 }
		line := wire.AppendDecisionJSON(nil, d)
		if err := json.Unmarshal(line, &back); err != nil || back.Risk != f {
			t.Errorf("%v: got %v, %v", f, back.Risk, err)
		}
		want, _ := json.Marshal(f)
		if !bytes.Contains(line, append(append([]byte(`"risk":`), want...), ',')) {
			t.Errorf("%v: want %s in %s", f, want, line)
		}
	}
	line := wire.AppendDecisionJSON(nil, &riskdv1.Decision{Risk: math.NaN()})
	if !strings.Contains(string(line), `"risk":null`) {
		t.Errorf("got %s", line)
	}
}

// FuzzDecodeJSON checks the reader against encoding/json: what is accepted is valid JSON, and
// what was read comes back from our own writer unchanged.
func FuzzDecodeJSON(f *testing.F) {
	f.Add(structured(contractData))
	f.Add([]byte(`{` + contractHead + `,` + strings.TrimPrefix(contractData, "{")))
	f.Add([]byte(`{"id":"\ud83d\ude00\u00e9\n","x":[1,-2.5e+3,true,false,null,{}],"data":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		ev, err := wire.DecodeJSON(in)
		if err != nil {
			if r := wire.Reason(err); r == "" {
				t.Fatal("no reason")
			}
			return
		}
		if !json.Valid(in) {
			t.Fatalf("accepted what is not JSON: %q", in)
		}
		roundTrip(t, ev)
	})
}

// FuzzDecode feeds arbitrary bytes as any form, into a used event, and compares with a fresh one.
func FuzzDecode(f *testing.F) {
	f.Add("application/protobuf", "", marshal(f, func(*riskdv1.Event) {}))
	f.Add("application/json", "e1", []byte(contractData))
	f.Add("", "", structured(contractData))
	f.Fuzz(func(t *testing.T, contentType, id string, in []byte) {
		env := wire.Envelope{ContentType: contentType, ID: id}
		fresh, err := wire.Decode(env, bytes.Clone(in))
		used := contractEvent()
		if err2 := wire.DecodeInto(env, bytes.Clone(in), used); (err == nil) != (err2 == nil) {
			t.Fatalf("fresh: %v, used: %v", err, err2)
		}
		if err != nil {
			return
		}
		a, b := wire.AppendEventJSON(nil, fresh), wire.AppendEventJSON(nil, used)
		if !bytes.Equal(a, b) {
			t.Fatalf("fresh %s\nused  %s", a, b)
		}
		roundTrip(t, fresh)
	})
}

func roundTrip(t *testing.T, ev *riskdv1.Event) {
	t.Helper()
	line := wire.AppendEventJSON(nil, ev)
	if !json.Valid(line) {
		t.Fatalf("wrote what is not JSON: %q", line)
	}
	again, err := wire.DecodeJSON(line)
	if err != nil {
		t.Fatalf("own line refused: %v: %s", err, line)
	}
	if second := wire.AppendEventJSON(nil, again); !bytes.Equal(line, second) {
		t.Fatalf("not stable:\n%s\n%s", line, second)
	}
	pb, err := ev.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	back, err := wire.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, pb)
	if err != nil {
		t.Fatalf("own protobuf refused: %v", err)
	}
	if d := cmp.Diff(ev, back, protocmp.Transform(), protocmp.IgnoreEmptyMessages()); d != "" {
		t.Fatalf("protobuf round trip (-want +got):\n%s", d)
	}
	var a, b event.Event
	if err := wire.ToEvent(ev, nil, &a); err != nil {
		t.Fatal(err)
	}
	if err := wire.ToEvent(again, nil, &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, b, cmp.Comparer(func(x, y netip.Addr) bool { return x == y }),
		cmp.Comparer(func(x, y []string) bool { return strings.Join(x, "\x00") == strings.Join(y, "\x00") })); d != "" {
		t.Fatalf("core event differs after JSON:\n%s", d)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(`[` + string(structured(contractData)) + `,{}]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := wire.DecodeBatch(in)
		if err == nil && !json.Valid(in) {
			t.Fatalf("accepted what is not JSON: %q", in)
		}
		for _, r := range got {
			if (r.Event == nil) == (r.Err == nil) {
				t.Fatalf("got %+v", r)
			}
		}
	})
}

func BenchmarkDecodeInto(b *testing.B) {
	for name, in := range map[string][]byte{
		"protobuf":   marshal(b, func(*riskdv1.Event) {}),
		"structured": structured(contractData),
	} {
		b.Run(name, func(b *testing.B) {
			var ev riskdv1.Event
			b.ReportAllocs()
			for b.Loop() {
				if err := wire.DecodeInto(wire.Envelope{}, in, &ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	in := structured(contractData)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeJSON(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkToEvent(b *testing.B) {
	pb, en := contractEvent(), &riskdv1.Enrichment{Asn: 1}
	var out event.Event
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.ToEvent(pb, en, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	var d riskdv1.Decision
	wire.FromDecision(sampleDecision(), &d)
	ev := contractEvent()
	var buf []byte
	b.Run("decision", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = wire.AppendDecisionJSON(buf[:0], &d)
		}
	})
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = wire.AppendEventJSON(buf[:0], ev)
		}
	})
}

func TestEveryByteAtEveryPlaceIsQuotedAndReadBack(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte(strings.Repeat("a", 20))
			text[at] = byte(c)
			line := wire.AppendDecisionJSON(nil, &riskdv1.Decision{EventId: string(text)})
			var back struct {
				ID string `json:"event_id"`
			}
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatalf("byte %#x at %d: %v", c, at, err)
			}
			if want := strings.ToValidUTF8(string(text), "\uFFFD"); back.ID != want {
				t.Fatalf("byte %#x at %d: got %q, want %q", c, at, back.ID, want)
			}
			// The reader accepts exactly what encoding/json and UTF-8 accept.
			in := []byte(`{"x":"` + string(text) + `"}`)
			_, err := wire.DecodeJSON(in)
			ok := json.Valid(in) && utf8.Valid(in)
			if malformed := wire.Reason(err) == wire.ReasonMalformed; malformed == ok {
				t.Fatalf("byte %#x at %d: got %v, want accepted %v", c, at, err, ok)
			}
		}
	}
}

func BenchmarkParsed(b *testing.B) {
	data := marshal(b, func(*riskdv1.Event) {})
	env := wire.Envelope{ContentType: wire.MediaProtobuf}
	b.Run("decode", func(b *testing.B) {
		p := wire.Parsed{Event: new(riskdv1.Event)}
		b.ReportAllocs()
		for b.Loop() {
			if err := p.Decode(env, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("event", func(b *testing.B) {
		p := wire.Parsed{Event: new(riskdv1.Event)}
		if err := p.Decode(env, data); err != nil {
			b.Fatal(err)
		}
		var ev event.Event
		b.ReportAllocs()
		for b.Loop() {
			if err := p.ToEvent(nil, &ev); err != nil {
				b.Fatal(err)
			}
		}
	})
}
