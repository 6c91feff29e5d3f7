package wire_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

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
