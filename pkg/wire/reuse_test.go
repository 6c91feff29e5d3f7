package wire_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/pkg/wire/wiretest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestNothingOfTheEventBeforeIsLeft(t *testing.T) {
	minimal := &riskdv1.Event{Id: "e", Source: "//s", Type: "dev.riskd.activity.v1", TimeMs: 1, TenantId: "acme", User: &riskdv1.User{Id: "u"},
		Action: "auth.login", Outcome: "success"}
	pb, err := proto.Marshal(minimal)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]struct {
		env  wire.Envelope
		data []byte
	}{
		"protobuf": {wire.Envelope{ContentType: wire.MediaProtobuf}, pb},
		"json": {wire.Envelope{ContentType: wire.MediaCloudEvent}, []byte(`{"specversion":"1.0","id":"e","source":"//s","type":"dev.riskd.activity.v1",
			"time":"1970-01-01T00:00:00.001Z","data":{"tenant_id":"acme","user":{"id":"u"},"action":"auth.login","outcome":"success"}}`)},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			filled, got := new(riskdv1.Event), new(riskdv1.Event)
			wiretest.Fill(filled)
			used, err := proto.Marshal(filled)
			if err != nil {
				t.Fatal(err)
			}
			if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(used, got); err != nil { // as no event is that came out of a Decode
				t.Fatal(err)
			}
			if err := wire.DecodeInto(form.env, form.data, got); err != nil {
				t.Fatal(err)
			}
			var scored, want event.Event
			if err := errors.Join(wire.ToEvent(got, nil, &scored), wire.ToEvent(minimal, nil, &want)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, scored, cmp.Comparer(func(a, b event.Network) bool { return a == b })); d != "" {
				t.Errorf("the engine's event (-want +got):\n%s", d)
			}
			wiretest.Bare(got)
			if d := cmp.Diff(minimal, got, protocmp.Transform()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestFieldsOfNewerSchemasAreForgottenInEveryPart(t *testing.T) {
	full := contractEvent()
	full.Enforcement, full.Feedback = &riskdv1.Enforcement{}, &riskdv1.Feedback{}
	for _, m := range []proto.Message{full, full.User, full.Session, full.Device, full.Network, full.Network.Geo, full.Http, full.Resource, full.Enforcement, full.Feedback} {
		m.ProtoReflect().SetUnknown([]byte{0xfa, 0x3e, 1, 'x'})
	}
	data, err := proto.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	got := new(riskdv1.Event)
	if err := wire.DecodeInto(wire.Envelope{ContentType: wire.MediaProtobuf}, data, got); err != nil {
		t.Fatal(err)
	}
	wiretest.Bare(got)
	equal(t, got, contractEvent())
}

func TestNothingOfTheDecisionBeforeIsLeft(t *testing.T) {
	got, want := new(riskdv1.Decision), new(riskdv1.Decision)
	wiretest.Fill(got)
	got.ProtoReflect().SetUnknown(nil) // decisions are made here, not read
	got.Scores.ProtoReflect().SetUnknown(nil)
	wire.FromDecision(&decision.Decision{}, got)
	wire.FromDecision(&decision.Decision{}, want)
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
