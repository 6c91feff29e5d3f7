package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
