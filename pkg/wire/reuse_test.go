package wire_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
