package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// generated reads as the generated code does, and validates.
func generated(data []byte) (*riskdv1.Event, error) {
	ev := new(riskdv1.Event)
	if err := ev.UnmarshalVT(data); err != nil {
		return nil, err
	}
	return ev, wire.Validate(ev)
}

// forget drops the fields that the schema does not have.
func forget(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && !f.IsMap() {
			forget(v.Message())
		}
		return true
	})
}

// again is the event with the fields of the schema in their order, each once.
func again(t testing.TB, data []byte) []byte {
	ev := new(riskdv1.Event)
	if err := ev.UnmarshalVT(data); err != nil {
		return nil
	}
	forget(ev.ProtoReflect())
	out, err := ev.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzProtobuf compares riskd's own reader with the generated one: what it accepts it reads the same, and it accepts all that the generated
// code accepts and writes again.
func FuzzProtobuf(f *testing.F) {
	full := marshal(f, func(ev *riskdv1.Event) {
		ev.Enforcement = &riskdv1.Enforcement{Route: "/x", Result: "denied", Sdk: "go/1"}
		ev.Attributes["b"], ev.Attributes["a"] = "2", "1"
	})
	f.Add(full)
	f.Add(append(bytes.Clone(full), marshal(f, func(ev *riskdv1.Event) { ev.Session.Id, ev.Attributes["a"] = "other", "3" })...)) // both, the later wins
	unknown := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(full), 1007, protowire.BytesType), []byte("x"))
	unknown = protowire.AppendTag(protowire.AppendTag(unknown, 900, protowire.StartGroupType), 900, protowire.EndGroupType)
	f.Add(unknown)
	f.Add(protowire.AppendVarint(protowire.AppendTag(bytes.Clone(full), 1, protowire.VarintType), 7)) // a text as a number
	f.Add(full[:len(full)-3])
	f.Add([]byte{0, 0})
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		want, wantErr := generated(bytes.Clone(data))
		got, err := wire.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data)
		if err == nil {
			if wantErr != nil {
				t.Fatalf("accepted what the generated reader refuses: %v", wantErr)
			}
			if d := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreUnknown(), protocmp.IgnoreEmptyMessages()); d != "" {
				t.Fatalf("(-generated +own):\n%s", d)
			}
		}
		if wantErr == nil {
			if _, err := wire.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, again(t, data)); err != nil {
				t.Fatalf("refused what the generated reader accepts: %v", err)
			}
		}
	})
}

func TestProtobufThatIsCutOrWrittenWronglyIsMalformed(t *testing.T) {
	t.Parallel()
	full := marshal(t, func(*riskdv1.Event) {})
	whole := protowire.AppendVarint(protowire.AppendTag(nil, 6, protowire.BytesType), 200) // longer than what follows
	for name, data := range map[string][]byte{
		"text as number":       protowire.AppendVarint(protowire.AppendTag(bytes.Clone(full), 1, protowire.VarintType), 7),
		"number as text":       protowire.AppendString(protowire.AppendTag(bytes.Clone(full), 4, protowire.BytesType), "7"),
		"field zero":           append(bytes.Clone(full), 0, 0),
		"field out of range":   protowire.AppendVarint(protowire.AppendVarint(bytes.Clone(full), 1<<40), 7),
		"length over the end":  append(bytes.Clone(full), whole...),
		"number of 11 bytes":   append(append(bytes.Clone(full), 4<<3), bytes.Repeat([]byte{0xff}, 11)...),
		"group without end":    protowire.AppendTag(bytes.Clone(full), 900, protowire.StartGroupType),
		"end without group":    protowire.AppendTag(bytes.Clone(full), 900, protowire.EndGroupType),
		"cut within a message": full[:len(full)-3],
		"fault within a message": protowire.AppendBytes(protowire.AppendTag(bytes.Clone(full), 9, protowire.BytesType),
			protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)),
		"fault within two": protowire.AppendBytes(protowire.AppendTag(bytes.Clone(full), 9, protowire.BytesType),
			protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), []byte{1<<3 | 1, 0})),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data)
			if wire.Reason(err) != wire.ReasonMalformed || err == nil {
				t.Errorf("got %v, want it malformed", err)
			}
		})
	}
}

func TestAttributesAreSortedAndTheLaterOfTwoHolds(t *testing.T) {
	t.Parallel()
	data := marshal(t, func(ev *riskdv1.Event) { ev.Attributes = nil })
	for _, kv := range [][2]string{{"m", "1"}, {"z", "2"}, {"a", "3"}, {"m", "4"}, {"b", "5"}} {
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), kv[0])
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), kv[1])
		data = protowire.AppendBytes(protowire.AppendTag(data, 16, protowire.BytesType), entry)
	}
	p := wire.Parsed{Event: new(riskdv1.Event)}
	if err := p.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data); err != nil {
		t.Fatal(err)
	}
	want := []event.Attribute{{Key: "a", Value: "3"}, {Key: "b", Value: "5"}, {Key: "m", Value: "4"}, {Key: "z", Value: "2"}}
	var ev event.Event
	if err := p.ToEvent(nil, &ev); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, ev.Attributes); d != "" || len(p.Event.Attributes) != 0 {
		t.Errorf("(-want +got):\n%s\nin the event: %v", d, p.Event.Attributes)
	}
	if d := cmp.Diff(map[string]string{"a": "3", "b": "5", "m": "4", "z": "2"}, p.Whole().Attributes); d != "" {
		t.Errorf("the whole event (-want +got):\n%s", d)
	}
}

func TestParsedHoldsNothingOfTheEventBefore(t *testing.T) {
	t.Parallel()
	p := wire.Parsed{Event: new(riskdv1.Event)}
	for name, form := range map[string]struct {
		env  wire.Envelope
		data []byte
	}{
		"protobuf": {wire.Envelope{ContentType: wire.MediaProtobuf}, marshal(t, func(ev *riskdv1.Event) { ev.Attributes, ev.Network = nil, nil })},
		"json": {wire.Envelope{ContentType: wire.MediaCloudEvent}, []byte(`{"specversion":"1.0","id":"e","source":"//s","type":"dev.riskd.activity.v1",
			"time":"1970-01-01T00:00:00.001Z","data":{"tenant_id":"acme","user":{"id":"u"},"action":"auth.login","outcome":"success"}}`)},
	} {
		for _, before := range []wire.Envelope{{ContentType: wire.MediaProtobuf}, {ContentType: wire.MediaCloudEvent}} {
			data := marshal(t, func(*riskdv1.Event) {})
			if before.ContentType == wire.MediaCloudEvent {
				data = structured(contractData)
			}
			if err := p.Decode(before, data); err != nil {
				t.Fatal(err)
			}
			if len(p.Attributes) == 0 || len(p.Event.Attributes) != 0 || !p.Addr.IsValid() {
				t.Errorf("%s: got %v, %v, %v: want its attributes in the list alone, and an address", before.ContentType, p.Attributes, p.Event.Attributes, p.Addr)
			}
			if err := p.Decode(form.env, form.data); err != nil {
				t.Fatal(err)
			}
			if len(p.Attributes)+len(p.Event.Attributes) != 0 || p.Addr.IsValid() {
				t.Errorf("%s after %s: got %v, %v, %v", name, before.ContentType, p.Attributes, p.Event.Attributes, p.Addr)
			}
		}
	}
}

func TestTheEngineEventOfBytesIsThatOfTheirEvent(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*riskdv1.Event){
		"full": func(*riskdv1.Event) {},
		"minimal": func(ev *riskdv1.Event) {
			ev.Session, ev.Device, ev.Network, ev.Http, ev.Resource, ev.Attributes = nil, nil, nil, nil, nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := marshal(t, edit)
			read := wire.Parsed{Event: new(riskdv1.Event)}
			pb, err := wire.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data)
			if err := errors.Join(err, read.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data)); err != nil {
				t.Fatal(err)
			}
			var a, b event.Event
			if err := errors.Join(read.ToEvent(nil, &a), wire.ToEvent(pb, nil, &b)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(a, b, cmp.Comparer(func(x, y event.Network) bool { return x == y })); d != "" {
				t.Errorf("(-bytes +event):\n%s", d)
			}
		})
	}
}

func TestNothingOfTheEngineEventBeforeIsLeft(t *testing.T) {
	t.Parallel()
	full := contractEvent()
	full.Enforcement, full.Feedback = &riskdv1.Enforcement{Route: "/x", Result: "denied", Sdk: "go"}, &riskdv1.Feedback{EventId: "e", Verdict: "attack", Author: "a"}
	full.ChallengeId, full.Reason, full.Count, full.Bytes = "ch_1", "r", 3, 9
	around := &riskdv1.Enrichment{Asn: 1, AsOrg: "o", Kind: "vpn", ReceivedMs: 7, StepUpAt: 50, Geo: &riskdv1.Geo{Lat: 1, Lon: 2, AccuracyKm: 3, Country: "GB", City: "c"},
		Agent: &riskdv1.Agent{Browser: "b", BrowserMajor: 1, Os: "o", OsMajor: 2, DeviceClass: "phone"}, Crowd: &riskdv1.Crowd{IpFailedUsers: 1, IpUsers: 2, DeviceUsers: 3, IpFailures: 4}}
	var used, fresh event.Event
	if err := wire.ToEvent(full, around, &used); err != nil {
		t.Fatal(err)
	}
	for i := range reflect.ValueOf(used).NumField() {
		if f := reflect.ValueOf(used).Field(i); f.IsZero() {
			t.Errorf("%s is not set: the test says nothing of it", reflect.TypeOf(used).Field(i).Name)
		}
	}
	least := &riskdv1.Event{Id: "e", Source: "//s", Type: "dev.riskd.activity.v1", TimeMs: 1, TenantId: "acme", User: &riskdv1.User{Id: "u"}, Action: "auth.login", Outcome: "success"}
	if err := errors.Join(wire.ToEvent(least, nil, &used), wire.ToEvent(least, nil, &fresh)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fresh, used, cmp.Comparer(func(a, b event.Network) bool { return a == b }), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-fresh +used):\n%s", d)
	}
}

// Every byte at every place of texts of every length around the eight bytes that are looked at together.
func TestControlCharactersAreFoundWhereverTheyAre(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 26; n++ {
		for at := range n {
			for c := range 256 {
				id := []byte(strings.Repeat("x", n))
				id[at] = byte(c)
				ok := c >= 0x20 && c < 0x7f
				data := marshal(t, func(ev *riskdv1.Event) { ev.Id = string(id) })
				if _, err := wire.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data); (err == nil) != ok {
					t.Fatalf("byte %#x at %d of %d: %v", c, at, n, err)
				}
			}
		}
	}
}

// A message of 64 KiB has room for 8,000 attributes: to sort them all would take longer than a thousand events.
func TestAttributesBeyondTheBoundAreNotKept(t *testing.T) {
	t.Parallel()
	data := marshal(t, func(ev *riskdv1.Event) { ev.Attributes = nil })
	for i := range 4000 {
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), fmt.Sprintf("%04d", 4000-i))
		data = protowire.AppendBytes(protowire.AppendTag(data, 16, protowire.BytesType), entry)
	}
	p := wire.Parsed{Event: new(riskdv1.Event)}
	if err := p.Decode(wire.Envelope{ContentType: wire.MediaProtobuf}, data); wire.Reason(err) != wire.ReasonTooLarge || len(p.Attributes) > wire.MaxAttributes+1 {
		t.Errorf("got %v and %d attributes kept", err, len(p.Attributes))
	}
}
