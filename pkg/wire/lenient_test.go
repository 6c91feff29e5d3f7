package wire_test

import (
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

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
