package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/schemas"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
	"github.com/riskd-io/riskd/services/gateway"
)

const ceJSON, batchJSON = "application/cloudevents+json", "application/cloudevents-batch+json"

func event(id, tenant string) string {
	return eventAt(id, tenant, time.Now())
}

func eventAt(id, tenant string, at time.Time) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"//acme/web","type":"dev.riskd.activity.v1","time":%q,"datacontenttype":"application/json",`+
		`"data":{"tenant_id":%q,"user":{"id":"u1"},"action":"auth.login","outcome":"success","network":{"ip":"81.2.69.142"}}}`,
		id, at.UTC().Format(time.RFC3339Nano), tenant)
}

// stored reads back everything on the input.
func (h *house) stored() []*riskdv1.Event {
	h.t.Helper()
	var out []*riskdv1.Event
	for p := range 2 {
		_, n, err := natsjs.LastSeq(h.t.Context(), h.broker.JS, subject.EventsStream(p))
		if err != nil {
			h.t.Fatal(err)
		}
		if n == 0 {
			continue
		}
		tail, err := natsjs.OpenTail(h.broker.JS, subject.EventsStream(p), 1, natsjs.TailConfig{})
		if err != nil {
			h.t.Fatal(err)
		}
		var msgs []natsjs.Message
		for uint64(len(msgs)) < n {
			if msgs, err = tail.Take(h.t.Context(), msgs, 1000, 1<<20); err != nil {
				h.t.Fatal(err)
			}
		}
		tail.Close()
		for _, m := range msgs {
			ev, err := wire.Decode(wire.Envelope{ContentType: m.Header().Get("content-type")}, m.Data)
			if err != nil {
				h.t.Fatal(err)
			}
			out = append(out, ev)
		}
	}
	return out
}

func TestEveryFormOfOneEventIsStoredTheSame(t *testing.T) {
	h := start(t, nil)
	at := time.Now().UTC().Truncate(time.Millisecond)
	text := func(id string) string { return eventAt(id, "acme", at) }
	ev, err := wire.DecodeJSON([]byte(text("protobuf")))
	if err != nil {
		t.Fatal(err)
	}
	pb, err := proto.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	_, data, _ := strings.Cut(text("x"), `"data":`)
	data = strings.TrimSuffix(data, "}")
	flat := `{"id":"flat","source":"//acme/web","type":"dev.riskd.activity.v1","time":"` + at.Format(time.RFC3339Nano) + `",` + strings.TrimPrefix(data, "{")
	headers := []string{"ce-specversion", "1.0", "ce-id", "binary", "ce-source", "//acme/web", "ce-type", "dev.riskd.activity.v1", "ce-time", at.Format(time.RFC3339Nano)}

	for name, r := range map[string]reply{
		"structured":     h.post(h.all, ceJSON+"; charset=utf-8", text("structured")),
		"plain JSON":     h.post(h.all, "application/json", text("plain")),
		"flat":           h.post(h.all, "application/json", flat),
		"binary":         h.post(h.all, "application/json", data, headers...),
		"protobuf":       h.post(h.all, "application/protobuf", string(pb)),
		"batch of one":   h.post(h.all, batchJSON, "["+text("batch")+"]"),
		"array as JSON":  h.post(h.all, "application/json", " ["+text("array")+"]"),
		"without a type": h.post(h.all, "", text("untyped")),
	} {
		if r.code != http.StatusAccepted || r.Accepted != 1 || len(r.Results) != 1 || r.Results[0].Status != "accepted" || r.Results[0].ID == "" {
			t.Errorf("%s: got %d %s", name, r.code, r.body)
		}
	}
	got := h.stored()
	if len(got) != 8 {
		t.Fatalf("got %d stored events, want 8", len(got))
	}
	for _, g := range got {
		g.Id = ev.Id
		if !proto.Equal(g, ev) {
			t.Errorf("got %v, want %v", g, ev)
		}
	}
	if n := h.count("riskd_gateway_events_total", "result", "accepted"); n != 8 {
		t.Errorf("counted %v accepted, want 8", n)
	}
}

func TestABatchIsAnsweredEventByEvent(t *testing.T) {
	h := start(t, nil)
	if r := h.post(h.all, ceJSON, event("known", "acme")); r.code != http.StatusAccepted {
		t.Fatalf("got %d %s", r.code, r.body)
	}
	r := h.post(h.acme, batchJSON, "["+strings.Join([]string{
		event("new", "acme"), event("known", "acme"), event("foreign", "globex"),
		eventAt("early", "acme", time.Now().Add(time.Hour)), `{"id":"bare"}`, `7`,
	}, ",")+"]")
	if r.code != http.StatusMultiStatus {
		t.Errorf("got %d, want 207", r.code)
	}
	want := []string{"new accepted ", "known duplicate ", "foreign invalid tenant_forbidden", "early invalid future_time", "bare invalid missing_field", " invalid malformed"}
	for i, w := range want {
		if i >= len(r.Results) {
			t.Fatalf("got %d results, want %d", len(r.Results), len(want))
		}
		if got := fmt.Sprintf("%s %s %s", r.Results[i].ID, r.Results[i].Status, r.Results[i].Reason); got != w {
			t.Errorf("result %d: got %q, want %q", i, got, w)
		}
	}
	if r.Accepted != 1 || r.Duplicate != 1 || r.Invalid != 4 {
		t.Errorf("got %s", r.body)
	}
	if n := len(h.stored()); n != 2 {
		t.Errorf("got %d stored events, want 2", n)
	}
}

func TestWhatIsRefusedIsRefusedWithAReason(t *testing.T) {
	h := start(t, func(c *gateway.Config, _ *gateway.Deps) { c.MaxBody = 4 << 10 })
	for name, tc := range map[string]struct {
		r      reply
		code   int
		reason string
	}{
		"no JSON":              {h.post(h.all, ceJSON, "{"), 400, "malformed"},
		"empty":                {h.post(h.all, ceJSON, ""), 400, "malformed"},
		"missing field":        {h.post(h.all, ceJSON, strings.Replace(event("e", "acme"), `"action":"auth.login",`, "", 1)), 400, "missing_field"},
		"wrong type":           {h.post(h.all, ceJSON, strings.Replace(event("e", "acme"), `{"id":"u1"}`, `"u1"`, 1)), 400, "malformed"},
		"unknown type":         {h.post(h.all, ceJSON, strings.Replace(event("e", "acme"), `activity`, "thing", 1)), 400, "unknown_type"},
		"from the future":      {h.post(h.all, ceJSON, eventAt("e", "acme", time.Now().Add(time.Hour))), 400, "future_time"},
		"another specversion":  {h.post(h.all, "application/json", "{}", "ce-specversion", "0.3", "ce-id", "1"), 400, "bad_value"},
		"batch that is none":   {h.post(h.all, batchJSON, "{}"), 400, "malformed"},
		"too large":            {h.post(h.all, ceJSON, event("e", strings.Repeat("x", 5<<10))), 413, "too_large"},
		"foreign media type":   {h.post(h.all, "text/csv", "a,b"), 415, "unsupported_content_type"},
		"compressed":           {h.post(h.all, ceJSON, event("e", "acme"), "Content-Encoding", "gzip"), 415, ""},
		"foreign tenant":       {h.post(h.acme, ceJSON, event("e", "globex")), 403, "tenant_forbidden"},
		"no key":               {h.post("", ceJSON, event("e", "acme")), 401, ""},
		"unknown key":          {h.post("rk_guess", ceJSON, event("e", "acme")), 401, ""},
		"key without scope":    {h.post(h.reader, ceJSON, event("e", "acme")), 403, ""},
		"wrong method":         {h.do("GET", "/v1/events", h.all, "", ""), 405, ""},
		"no such path":         {h.do("GET", "/v1/nothing", h.all, "", ""), 404, ""},
		"reading without read": {h.do("GET", "/v1/sessions/acme/s1", h.publisher, "", ""), 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.r.code != tc.code || tc.r.Reason != tc.reason {
				t.Errorf("got %d %q, want %d %q: %s", tc.r.code, tc.r.Reason, tc.code, tc.reason, tc.r.body)
			}
			if ct := tc.r.header.Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("got content type %q", ct)
			}
			if tc.code == 401 && tc.r.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without a challenge")
			}
			if !strings.HasPrefix(tc.r.Type, "urn:riskd:problem:") {
				t.Errorf("got type %q", tc.r.Type)
			}
		})
	}
	if n := len(h.stored()); n != 0 {
		t.Errorf("got %d stored events, want 0", n)
	}
}

func TestGoldenEventsAreAnsweredAsTheySay(t *testing.T) {
	h := start(t, nil)
	examples, err := schemas.Examples("event")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		if r := h.post(h.all, ceJSON, string(e.Bytes())); r.Reason != e.Reason || (r.code < 300) != (e.Reason == "") {
			t.Errorf("%s: got %d %q, want reason %q", e.Name, r.code, r.Reason, e.Reason)
		}
	}
}

// failing is a broker that is away.
type failing struct{ err error }

func (f failing) Publish(_ context.Context, evs []*riskdv1.Event) []gateway.Published {
	out := make([]gateway.Published, len(evs))
	for i := range out {
		out[i].Err = f.err
	}
	return out
}

func TestABrokerThatIsAwayIsSaidSo(t *testing.T) {
	h := start(t, func(_ *gateway.Config, d *gateway.Deps) { d.Publisher = failing{errors.New("no broker")} })
	if r := h.do("GET", "/healthz", "", "", ""); r.code != http.StatusOK {
		t.Errorf("before: got %d", r.code)
	}
	r := h.post(h.all, ceJSON, event("e", "acme"))
	if r.code != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.Results[0].Status != "unavailable" {
		t.Errorf("got %d %s", r.code, r.body)
	}
	if strings.Contains(string(r.body), "no broker") {
		t.Error("the answer tells strangers about our inside")
	}
	if r := h.post(h.all, batchJSON, "["+event("e", "acme")+",{}]"); r.code != http.StatusMultiStatus {
		t.Errorf("got %d, want 207: one to correct, one to send again", r.code)
	}
	if err := h.svc.Ready(); err == nil {
		t.Error("got ready, want not")
	}
	if r := h.do("GET", "/healthz", "", "", ""); r.code != http.StatusServiceUnavailable {
		t.Errorf("after: got %d", r.code)
	}
}
