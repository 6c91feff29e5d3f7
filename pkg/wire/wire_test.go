package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/riskd-io/riskd/pkg/risk/event"
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

func TestWhatIsWrongIsNamedWithAStableReason(t *testing.T) {
	edit := func(from, to string) string {
		s := string(structured(contractData))
		if !strings.Contains(s, from) {
			t.Fatalf("example does not hold %q", from)
		}
		return strings.Replace(s, from, to, 1)
	}
	long := strings.Repeat("x", 300)
	for name, tc := range map[string]struct{ in, reason, detail string }{
		"empty":                        {"", "malformed", ""},
		"no object":                    {`[]`, "malformed", "object"},
		"cut off":                      {string(structured(contractData)[:200]), "malformed", ""},
		"two values":                   {string(structured(contractData)) + "{}", "malformed", "more after"},
		"missing id":                   {edit(`"id":"e1",`, ``), "missing_field", "id"},
		"empty id":                     {edit(`"id":"e1"`, `"id":""`), "missing_field", "id"},
		"null source":                  {edit(`"//acme/apps/web"`, `null`), "missing_field", "source"},
		"missing type":                 {edit(`"type":"dev.riskd.activity.v1",`, ``), "missing_field", "type"},
		"missing time":                 {edit(`,"time":"2026-11-23T12:00:00.123Z"`, ``), "missing_field", "time"},
		"missing tenant":               {edit(`"tenant_id":"acme",`, ``), "missing_field", "tenant_id"},
		"missing user":                 {edit(`"user":{"id":"u1","kind":"person"},`, ``), "missing_field", "user.id"},
		"user without id":              {edit(`"id":"u1",`, ``), "missing_field", "user.id"},
		"missing action":               {edit(`"action":"auth.login",`, ``), "missing_field", "action"},
		"missing outcome":              {edit(`"outcome":"success",`, ``), "missing_field", "outcome"},
		"unknown type":                 {edit(`dev.riskd.activity.v1`, `dev.riskd.activity.v2`), "unknown_type", ""},
		"foreign type":                 {edit(`dev.riskd.activity.v1`, `com.example.thing`), "unknown_type", ""},
		"time without zone":            {edit(`12:00:00.123Z`, `12:00:00.123`), "bad_value", "time"},
		"time in words":                {edit(`2026-11-23T12:00:00.123Z`, `yesterday`), "bad_value", "time"},
		"time as number":               {edit(`"2026-11-23T12:00:00.123Z"`, `1763899200`), "malformed", "time"},
		"time before 1970":             {edit(`2026-11-23T12:00:00.123Z`, `1969-01-01T00:00:00Z`), "bad_value", "time"},
		"other specversion":            {edit(`"1.0"`, `"0.3"`), "bad_value", "specversion"},
		"user as string":               {edit(`{"id":"u1","kind":"person"}`, `"u1"`), "malformed", "user"},
		"user id as number":            {edit(`"u1"`, `17`), "malformed", "user.id"},
		"user id too long":             {edit(`"u1"`, `"`+long+`"`), "too_large", "user.id"},
		"tenant with control":          {edit(`"acme"`, `"ac\u0000me"`), "bad_value", "tenant_id"},
		"unknown user kind":            {edit(`"person"`, `"robot"`), "bad_value", "user.kind"},
		"unknown outcome":              {edit(`"success"`, `"ok"`), "bad_value", "outcome"},
		"unknown network kind":         {edit(`"residential"`, `"datacenter"`), "bad_value", "network.kind"},
		"unknown sensitivity":          {edit(`"internal"`, `"secret"`), "bad_value", "sensitivity"},
		"bad address":                  {edit(`203.0.113.45`, `203.0.113`), "bad_value", "network.ip"},
		"address with zone":            {edit(`203.0.113.45`, `fe80::1%eth0`), "bad_value", "network.ip"},
		"address with port":            {edit(`203.0.113.45`, `203.0.113.45:443`), "bad_value", "network.ip"},
		"address as number":            {edit(`"203.0.113.45"`, `3405803821`), "malformed", "network.ip"},
		"latitude as string":           {edit(`51.5`, `"51.5"`), "malformed", "lat"},
		"negative round trip":          {edit(`31`, `-1`), "bad_value", "rtt_ms"},
		"asn too large":                {edit(`64500`, `4294967296`), "bad_value", "asn"},
		"asn as text":                  {edit(`64500`, `"AS64500"`), "malformed", "asn"},
		"count of a half":              {edit(`"count":1`, `"count":0.5`), "bad_value", "count"},
		"count too large":              {edit(`"count":1`, `"count":1000001`), "bad_value", "count"},
		"negative bytes":               {edit(`"bytes":0`, `"bytes":-1`), "bad_value", "bytes"},
		"amr as string":                {edit(`["pwd"]`, `"pwd"`), "malformed", "amr"},
		"amr of numbers":               {edit(`["pwd"]`, `[1]`), "malformed", "amr"},
		"17 methods":                   {edit(`["pwd"]`, `["pwd"`+strings.Repeat(`,"otp"`, 16)+`]`), "too_large", "amr"},
		"attribute that is no text":    {edit(`"pro"`, `7`), "malformed", "attributes"},
		"17 attributes":                {edit(`"plan":"pro"`, manyAttributes(17)), "too_large", "attributes"},
		"long attribute":               {edit(`"pro"`, `"`+long+`"`), "too_large", "attributes"},
		"duplicate member":             {edit(`"tenant_id":"acme"`, `"tenant_id":"acme","tenant_id":"evil"`), "malformed", "duplicate"},
		"duplicate nested member":      {edit(`"id":"u1"`, `"id":"u1","id":"u2"`), "malformed", "duplicate"},
		"duplicate by escape":          {edit(`"id":"u1"`, `"id":"u1","\u0069d":"u2"`), "malformed", "duplicate"},
		"duplicate attribute":          {edit(`"plan":"pro"`, `"plan":"pro","plan":"free"`), "malformed", "duplicate"},
		"invalid UTF-8":                {edit(`"u1"`, "\"u\xff1\""), "malformed", "UTF-8"},
		"lone surrogate":               {edit(`"u1"`, `"\ud800"`), "malformed", "escape"},
		"comma at the end":             {edit(`"plan":"pro"`, `"plan":"pro",`), "malformed", "comma"},
		"number with a leading zero":   {edit(`51.5`, `051.5`), "malformed", ""},
		"NaN":                          {edit(`51.5`, `NaN`), "malformed", ""},
		"deep nesting in what we skip": {edit(`"bytes":0`, `"x":`+strings.Repeat("[", 100)), "malformed", "deep"},
		"data that is a string":        {`{` + contractHead + `,"data":"x"}`, "malformed", "data"},
		"data_base64 that is none":     {`{` + contractHead + `,"data_base64":"***"}`, "malformed", "base64"},
		"auth time in words":           {edit(`"auth_time":"2026-11-23T12:00:00Z"`, `"auth_time":"noon"`), "bad_value", "auth_time"},
		"huge":                         {edit(`"pro"`, `"`+strings.Repeat("x", wire.MaxEventBytes)+`"`), "too_large", "64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.DecodeJSON([]byte(tc.in))
			var inv *wire.Invalid
			if !errors.As(err, &inv) {
				t.Fatalf("got %v, want an Invalid", err)
			}
			if inv.Reason != tc.reason || !strings.Contains(inv.Detail, tc.detail) {
				t.Errorf("got %q %q, want reason %q and a detail with %q", inv.Reason, inv.Detail, tc.reason, tc.detail)
			}
			if strings.Contains(inv.Detail, "203.0.113") || strings.Contains(inv.Detail, "evil") {
				t.Errorf("detail %q repeats a value", inv.Detail)
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + string(rune('a'+i)) + `":"v"`)
	}
	return b.String()
}

func TestInputIsReadLenientlyWhereTheContractIsLenient(t *testing.T) {
	base := string(structured(contractData))
	decode := func(t *testing.T, from, to string) *riskdv1.Event {
		t.Helper()
		if !strings.Contains(base, from) {
			t.Fatalf("example does not hold %q", from)
		}
		ev, err := wire.DecodeJSON([]byte(strings.Replace(base, from, to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	t.Run("unknown members are passed over", func(t *testing.T) {
		ev := decode(t, `"count":1`, `"count":1,"class_uid":3002,"upstream":{"vendor":["x",null,true,{"y":-1.5e3}]}`)
		equal(t, ev, contractEvent())
	})
	t.Run("extension attributes are passed over even when named like ours", func(t *testing.T) {
		ev := decode(t, `"specversion"`, `"partitionkey":"a:b","action":7,"count":"x","specversion"`)
		equal(t, ev, contractEvent())
	})
	t.Run("auth_time in Unix seconds", func(t *testing.T) {
		if got := decode(t, `"auth_time":"2026-11-23T12:00:00Z"`, `"auth_time":1795435200`).Session.AuthTimeMs; got != 1795435200000 {
			t.Errorf("got %d", got)
		}
	})
	t.Run("null is absent", func(t *testing.T) {
		if got := decode(t, `"device":{"id":"d1"}`, `"device":null`).Device.GetId(); got != "" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("mapped IPv4 becomes IPv4", func(t *testing.T) {
		if got := decode(t, `203.0.113.45`, `::ffff:203.0.113.45`).Network.Ip; got != "203.0.113.45" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("IPv6 gets its canonical text", func(t *testing.T) {
		if got := decode(t, `203.0.113.45`, `2001:DB8:0:0::1`).Network.Ip; got != "2001:db8::1" {
			t.Errorf("got %q", got)
		}
	})
	for name, tc := range map[string]struct{ from, to string }{
		"latitude beyond the pole":  {`"lat":51.5`, `"lat":90.1`},
		"longitude beyond the line": {`"lon":-0.1`, `"lon":-180.5`},
		"half a position":           {`"lat":51.5,`, ``},
		"null latitude":             {`"lat":51.5`, `"lat":null`},
		"infinite latitude":         {`"lat":51.5`, `"lat":1e999`},
	} {
		t.Run(name+" is an unknown place that keeps its country", func(t *testing.T) {
			p := wire.Place(decode(t, tc.from, tc.to).Network.Geo)
			if want := (event.Place{Country: "GB", City: "London"}); p != want {
				t.Errorf("got %+v, want %+v", p, want)
			}
		})
	}
	t.Run("latitude 0, longitude 0 given in numbers is a place, and survives protobuf", func(t *testing.T) {
		ev := decode(t, `"lat":51.5,"lon":-0.1`, `"lat":0,"lon":-0.0`)
		b, err := ev.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if ev, err = wire.Decode(wire.Envelope{}, b); err != nil {
			t.Fatal(err)
		}
		if p := wire.Place(ev.Network.Geo); !p.Known || p.Lat != 0 || p.Lon != 0 {
			t.Errorf("got %+v, want the origin", p)
		}
	})
	t.Run("a country alone is not Null Island", func(t *testing.T) {
		b := marshal(t, func(e *riskdv1.Event) { e.Network.Geo = &riskdv1.Geo{Country: "GB"} })
		ev, err := wire.Decode(wire.Envelope{}, b)
		if err != nil {
			t.Fatal(err)
		}
		if p := wire.Place(ev.Network.Geo); p.Known {
			t.Errorf("got %+v, want an unknown place", p)
		}
	})
	t.Run("what the user sends too much of is cut, not refused", func(t *testing.T) {
		ev := decode(t, `Mozilla/5.0 ...`, strings.Repeat("é", 5000))
		if got := ev.Http.UserAgent; got != strings.Repeat("é", wire.MaxUserAgent/2) {
			t.Errorf("got %d bytes", len(got))
		}
	})
	t.Run("a user agent that is not UTF-8 is repaired", func(t *testing.T) {
		ev, err := wire.Decode(wire.Envelope{}, marshal(t, func(e *riskdv1.Event) { e.Http.UserAgent = "M\xffx" }))
		if err != nil {
			t.Fatal(err)
		}
		if got := ev.Http.UserAgent; got != "M\uFFFDx" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("control characters of a stranger become blanks", func(t *testing.T) {
		if got := decode(t, `Mozilla/5.0 ...`, `a\u001b[2J\u009b\u007f\"é\n`).Http.UserAgent; got != `a [2J  "é ` {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a receipt's fields may stand beside challenge_id", func(t *testing.T) {
		in := `{"id":"r1","source":"s","type":"dev.riskd.enforcement.v1","time":"2026-11-23T12:00:00Z","tenant_id":"acme","user":{"id":"u1"},"action":"enforcement","outcome":"challenged","challenge_id":"ch_1","route":"GET /payroll","result":"shown","sdk":"riskd-go/1"}`
		ev, err := wire.DecodeJSON([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if e := ev.Enforcement; e.Route != "GET /payroll" || e.Result != "shown" || e.Sdk != "riskd-go/1" {
			t.Errorf("got %v", e)
		}
	})
	t.Run("result means nothing in an activity", func(t *testing.T) {
		for _, v := range []string{`"SUCCESS"`, `{"a":1}`} {
			if got := decode(t, `"count":1`, `"count":1,"result":`+v).GetEnforcement().GetResult(); got != "" {
				t.Errorf("got %q", got)
			}
		}
	})
	t.Run("protobuf in data_base64", func(t *testing.T) {
		const b64 = "KgRhY21lMgQKAnUxWgphdXRoLmxvZ2luagdzdWNjZXNz" // tenant, user, action, outcome
		ev, err := wire.DecodeJSON([]byte(`{"specversion":"1.0",` + contractHead + `,"datacontenttype":"application/protobuf","data_base64":"` + b64 + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		if ev.User.Id != "u1" || ev.Outcome != "success" || ev.Id != "e1" {
			t.Errorf("got %v", ev)
		}
	})
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
