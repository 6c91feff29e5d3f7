package wire_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

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
