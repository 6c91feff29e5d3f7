package gateway_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func TestAnIndependentCloudEventsClientPublishesInEveryMode(t *testing.T) {
	h := start(t, nil)
	p, err := cloudevents.NewHTTP(cloudevents.WithTarget(h.base+"/v1/events"), cehttp.WithHeader("Authorization", "Bearer "+h.all), cehttp.WithClient(*h.client))
	if err != nil {
		t.Fatal(err)
	}
	client, err := cloudevents.NewClient(p, cloudevents.WithTimeNow())
	if err != nil {
		t.Fatal(err)
	}
	make := func(id string) cloudevents.Event {
		ev := cloudevents.NewEvent()
		ev.SetID(id)
		ev.SetSource("//acme/apps/web")
		ev.SetType("dev.riskd.activity.v1")
		ev.SetTime(time.Now())
		ev.SetExtension("partitionkey", "acme:u1")
		if err := ev.SetData(cloudevents.ApplicationJSON, map[string]any{
			"tenant_id": "acme", "user": map[string]any{"id": "u1"}, "action": "auth.login", "outcome": "success",
		}); err != nil {
			t.Fatal(err)
		}
		return ev
	}
	acked := func(mode string, res protocol.Result, want int) {
		var status *cehttp.Result
		if !cloudevents.ResultAs(res, &status) || status.StatusCode != want {
			t.Errorf("%s: got %v, want %d", mode, res, want)
		}
	}
	acked("binary", client.Send(binding.WithForceBinary(t.Context()), make("binary")), 202)
	acked("structured", client.Send(binding.WithForceStructured(t.Context()), make("structured")), 202)
	acked("structured, again", client.Send(binding.WithForceStructured(t.Context()), make("structured")), 202)

	req, err := cehttp.NewHTTPRequestFromEvents(t.Context(), h.base+"/v1/events", []cloudevents.Event{make("batch-1"), make("batch-2")})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.all)
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("batch: got %s", resp.Status)
	}

	bad := make("bad")
	bad.SetType("com.example.thing")
	acked("bad", client.Send(t.Context(), bad), 400)

	ids := map[string]int{}
	for _, ev := range h.stored() {
		ids[ev.Id]++
	}
	if fmt.Sprint(ids) != "map[batch-1:1 batch-2:1 binary:1 structured:1]" {
		t.Errorf("got %v", ids)
	}
}
