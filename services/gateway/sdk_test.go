package gateway_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/wire"
)

func TestTheSDKsBoundsAreThoseOfTheWire(t *testing.T) {
	for name, b := range map[string][2]int{
		"id": {sdk.MaxID, wire.MaxID}, "event id": {sdk.MaxEventID, wire.MaxEventID}, "source": {sdk.MaxSource, wire.MaxSource},
		"action": {sdk.MaxAction, wire.MaxAction}, "acr": {sdk.MaxACR, wire.MaxACR}, "attributes": {sdk.MaxAttributes, wire.MaxAttributes},
		"attribute key": {sdk.MaxAttributeKey, wire.MaxAttributeKey}, "attribute value": {sdk.MaxAttributeValue, wire.MaxAttributeValue},
		"device": {sdk.MaxDevice, wire.MaxDevice}, "resource": {sdk.MaxResource, wire.MaxResource},
		"reason": {sdk.MaxReason, wire.MaxReason}, "user agent": {sdk.MaxUserAgent, wire.MaxUserAgent},
	} {
		if b[0] != b[1] {
			t.Errorf("%s: the SDK allows %d, the wire %d", name, b[0], b[1])
		}
	}
}

func TestTheSDKReportsThroughTheGateway(t *testing.T) {
	h := start(t, nil)
	client, err := sdk.New("//acme/apps/web", sdk.WithTenant("acme"), sdk.WithGateway(h.base, h.acme), sdk.WithHTTPClient(h.client))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	full := sdk.Event{
		ID: "e1", User: sdk.User{ID: "u1", Kind: "person"}, Device: "d1", IP: netip.MustParseAddr("81.2.69.142"), RTT: 31 * time.Millisecond,
		Session:   sdk.EventSession{ID: "s1", AuthTime: time.Now(), ACR: "aal1", AMR: []string{"pwd"}},
		UserAgent: "curl/8.5.0", Action: "auth.login", Resource: sdk.Resource{Type: "app", ID: "web", Sensitivity: "internal"},
		Outcome: sdk.OutcomeSuccess, Count: 2, Bytes: 3, Attributes: map[string]string{"plan": "pro"}, Reason: "why",
	}
	foreign := full
	foreign.ID, foreign.Tenant = "e2", "globex"
	for _, ev := range []sdk.Event{full, full, foreign} {
		if _, err := client.Report(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(ctx); err != nil {
		t.Fatal(err)
	}
	got := h.stored()
	if len(got) != 1 {
		t.Fatalf("got %d stored events, want 1", len(got))
	}
	ev := got[0]
	if ev.Id != "e1" || ev.TenantId != "acme" || ev.Session.GetAuthTimeMs() == 0 || ev.Network.GetRttMs() != 31 || ev.Count != 2 ||
		ev.Attributes["plan"] != "pro" || ev.Http.GetUserAgent() != "curl/8.5.0" || ev.Resource.GetSensitivity() != "internal" || ev.Reason != "why" {
		t.Errorf("got %v", ev)
	}
	if c := client.Counters(); c.Acknowledged != 2 || c.Refused != 1 || c.Dropped != 0 {
		t.Errorf("got %+v, want 2 acknowledged (one of them a duplicate) and the foreign tenant's refused", c)
	}
}
