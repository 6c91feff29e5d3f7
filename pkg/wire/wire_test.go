package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// contractData is the example of the contract, complete.
const contractData = `{"tenant_id":"acme","user":{"id":"u1","kind":"person"},"session":{"id":"s1","auth_time":"2026-11-23T12:00:00Z","acr":"aal1","amr":["pwd"]},
 "device":{"id":"d1"},"network":{"ip":"203.0.113.45","rtt_ms":31,"geo":{"lat":51.5,"lon":-0.1,"accuracy_km":20,"country":"GB","city":"London"},"asn":64500,"as_org":"Example","kind":"residential"},
 "http":{"user_agent":"Mozilla/5.0 ..."},"action":"auth.login","resource":{"type":"app","id":"web","sensitivity":"internal"},
 "outcome":"success","count":1,"bytes":0,"attributes":{"plan":"pro"}}`

const contractHead = `"id":"e1","source":"//acme/apps/web","type":"dev.riskd.activity.v1","time":"2026-11-23T12:00:00.123Z"`

func structured(data string) []byte {
	return []byte(`{"specversion":"1.0",` + contractHead + `,"datacontenttype":"application/json","data":` + data + `}`)
}

func contractEvent() *riskdv1.Event {
	return &riskdv1.Event{
		Id: "e1", Source: "//acme/apps/web", Type: "dev.riskd.activity.v1", TimeMs: 1795435200123,
		TenantId: "acme",
		User:     &riskdv1.User{Id: "u1", Kind: "person"},
		Session:  &riskdv1.Session{Id: "s1", AuthTimeMs: 1795435200000, Acr: "aal1", Amr: []string{"pwd"}},
		Device:   &riskdv1.Device{Id: "d1"},
		Network: &riskdv1.Network{Ip: "203.0.113.45", RttMs: 31,
			Geo: &riskdv1.Geo{Lat: 51.5, Lon: -0.1, AccuracyKm: 20, Country: "GB", City: "London"},
			Asn: 64500, AsOrg: "Example", Kind: "residential"},
		Http: &riskdv1.Http{UserAgent: "Mozilla/5.0 ..."}, Action: "auth.login",
		Resource: &riskdv1.Resource{Type: "app", Id: "web", Sensitivity: "internal"},
		Outcome:  "success", Count: 1, Attributes: map[string]string{"plan": "pro"},
	}
}

func equal(t *testing.T, got, want *riskdv1.Event) {
	t.Helper()
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Errorf("event differs (-want +got):\n%s", d)
	}
}

func TestEveryAcceptedFormOfTheContractsExampleGivesTheSameEvent(t *testing.T) {
	pb, err := proto.Marshal(contractEvent())
	if err != nil {
		t.Fatal(err)
	}
	bare := contractEvent()
	bare.Id, bare.Source, bare.Type, bare.TimeMs = "", "", "", 0
	barePB, err := proto.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	attrs := wire.Envelope{ID: "e1", Source: "//acme/apps/web", Type: "dev.riskd.activity.v1", Time: "2026-11-23T12:00:00.123Z"}
	with := func(contentType string) wire.Envelope { e := attrs; e.ContentType = contentType; return e }
	flat := []byte(`{` + contractHead + `,` + strings.TrimPrefix(contractData, "{"))

	for name, tc := range map[string]struct {
		env  wire.Envelope
		data []byte
	}{
		"protobuf complete in itself":           {wire.Envelope{ContentType: "application/protobuf"}, pb},
		"protobuf without any content type":     {wire.Envelope{}, pb},
		"protobuf with attributes in headers":   {with("application/protobuf"), barePB},
		"JSON data with attributes in headers":  {with("application/json; charset=utf-8"), []byte(contractData)},
		"JSON data, content type left out":      {with(""), []byte(contractData)},
		"structured JSON":                       {wire.Envelope{ContentType: "application/cloudevents+json; charset=UTF-8"}, structured(contractData)},
		"structured JSON without content type":  {wire.Envelope{}, structured(contractData)},
		"structured JSON sent as plain JSON":    {wire.Envelope{ContentType: "application/json"}, structured(contractData)},
		"flat JSON":                             {wire.Envelope{ContentType: "application/json"}, flat},
		"percent-encoded headers":               {wire.Envelope{ID: "e%31", Source: "%2F%2Facme/apps/web", Type: attrs.Type, Time: attrs.Time}, []byte(contractData)},
		"content type in capitals":              {wire.Envelope{ContentType: "Application/CloudEvents+JSON"}, structured(contractData)},
		"headers win over the protobuf payload": {wire.Envelope{ID: "e1"}, marshal(t, func(e *riskdv1.Event) { e.Id = "other" })},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wire.Decode(tc.env, tc.data)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, contractEvent())
		})
	}
}

func marshal(t testing.TB, change func(*riskdv1.Event)) []byte {
	t.Helper()
	e := contractEvent()
	change(e)
	b, err := e.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodedEventsShareNoMemoryWithTheInput(t *testing.T) {
	for name, in := range map[string][]byte{"JSON": structured(contractData), "protobuf": marshal(t, func(*riskdv1.Event) {})} {
		got, err := wire.Decode(wire.Envelope{}, in)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range in {
			in[i] = 'x'
		}
		equal(t, got, contractEvent())
	}
}

func TestABatchAnswersForEachEvent(t *testing.T) {
	good := string(structured(contractData))
	got, err := wire.DecodeBatch([]byte(`[` + good + `, {"id":"bad"}, 7, ` + good + `]`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("got %d results, want 4", len(got))
	}
	equal(t, got[0].Event, contractEvent())
	equal(t, got[3].Event, contractEvent())
	if got[1].ID != "bad" || wire.Reason(got[1].Err) != "missing_field" {
		t.Errorf("got %+v", got[1])
	}
	if wire.Reason(got[2].Err) != "malformed" {
		t.Errorf("got %+v", got[2])
	}
	for name, in := range map[string]string{
		"an object": good, "cut off": `[` + good, "too many": `[` + strings.Repeat("1,", wire.MaxBatchEvents) + `1]`,
	} {
		if _, err := wire.DecodeBatch([]byte(in)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
