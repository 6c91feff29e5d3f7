package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func signal(tenant, session string, revision uint64, state string) *riskdv1.Signal {
	now := time.Now().UnixMilli()
	return &riskdv1.Signal{
		ChallengeId: "ch_" + session, Revision: revision, TenantId: tenant, UserId: "u1", SessionId: session, State: state,
		Risk: &riskdv1.SignalRisk{Score: 82, Level: "high", PreviousLevel: "low"}, Require: &riskdv1.Requirement{AcrValues: []string{"aal2"}},
		IssuedAtMs: now, ExpiresAtMs: now + 900_000, OnExpiry: "deny", Policy: &riskdv1.PolicyRef{Id: "default"}, EventId: "e1", AtMs: now, Cause: "new_device",
	}
}

func (h *house) publish(sigs ...*riskdv1.Signal) {
	h.t.Helper()
	for i, s := range sigs {
		msg, err := natsjs.SignalMsg(s, broker.Position{Seq: uint64(i + 1)})
		if err != nil {
			h.t.Fatal(err)
		}
		if err := natsjs.Store(h.t.Context(), h.broker.JS, msg); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestASessionsStateIsToldFromTheFlags(t *testing.T) {
	h := start(t, nil)
	flags, err := natsjs.OpenFlags(t.Context(), h.broker.JS)
	if err != nil {
		t.Fatal(err)
	}
	if r := h.do("GET", "/v1/sessions/acme/s1", h.reader, "", ""); r.code != http.StatusOK || r.State != "clear" || r.Signal != nil {
		t.Errorf("unknown session: got %d %s", r.code, r.body)
	}
	const odd = "s/1 ü~a"
	for _, session := range []string{"s1", odd} {
		if _, err := flags.Apply(t.Context(), signal("acme", session, 1, "required"), broker.Position{Seq: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if r := h.do("GET", "/v1/sessions/acme/s1", h.reader, "", ""); r.State != "required" || !strings.Contains(string(r.Signal), `"challenge_id":"ch_s1"`) {
		t.Errorf("flagged session: got %s", r.body)
	}
	if r := h.do("GET", "/v1/sessions/acme/s%2F1%20%C3%BC~a", h.acme, "", ""); r.State != "required" {
		t.Errorf("session with an odd name: got %s", r.body)
	}
	if r := h.do("GET", "/v1/sessions/globex/s1", h.acme, "", ""); r.code != http.StatusForbidden {
		t.Errorf("foreign tenant: got %d", r.code)
	}
	if r := h.do("GET", "/v1/sessions/acme/"+strings.Repeat("x", 200), h.reader, "", ""); r.code != http.StatusBadRequest {
		t.Errorf("long name: got %d", r.code)
	}
}

// listen opens a stream; next returns its events, without beats, as "name id".
func (h *house) listen(key, query, lastID string) (next func() string, closeStream func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", h.base+"/v1/signals"+query, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("got %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	next = func() string {
		name, id, data := "", "", ""
		for lines.Scan() {
			switch line := lines.Text(); {
			case line == "" && data != "":
				return name + " " + id + " " + data
			case line == "":
				name, id = "", ""
			case strings.HasPrefix(line, "id: "):
				id = line[4:]
			case strings.HasPrefix(line, "event: "):
				name = line[7:]
			case strings.HasPrefix(line, "data: "):
				data = line[6:]
			}
		}
		return "end"
	}
	return next, func() {
		cancel()
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func TestAStreamSendsNewSignalsOfTheKeysTenants(t *testing.T) {
	h := start(t, nil)
	h.publish(signal("acme", "old", 1, "required"))
	all, closeAll := h.listen(h.reader, "", "")
	defer closeAll()
	acme, closeAcme := h.listen(h.acme, "", "")
	defer closeAcme()
	globex, closeGlobex := h.listen(h.all, "?tenant=globex", "")
	defer closeGlobex()
	natstest.Eventually(t, "three streams open", func() bool { return h.count("riskd_gateway_streams") == 3 })

	h.publish(signal("acme", "s1", 1, "required"), signal("globex", "s2", 1, "required"), signal("acme", "s1", 2, "satisfied"))
	for _, tc := range []struct {
		who  string
		next func() string
		want []string
	}{
		{"all", all, []string{"signal 2 ch_s1 1", "signal 3 ch_s2 1", "signal 4 ch_s1 2"}},
		{"acme", acme, []string{"signal 2 ch_s1 1", "signal 4 ch_s1 2"}},
		{"globex", globex, []string{"signal 3 ch_s2 1"}},
	} {
		for _, want := range tc.want {
			got := tc.next()
			parts := strings.Fields(want)
			if !strings.HasPrefix(got, parts[0]+" "+parts[1]+" ") || !strings.Contains(got, fmt.Sprintf(`"challenge_id":%q,"revision":%s,`, parts[2], parts[3])) {
				t.Errorf("%s: got %s, want %s", tc.who, got, want)
			}
		}
	}
	if r := h.do("GET", "/v1/signals?tenant=globex", h.acme, "", ""); r.code != http.StatusForbidden {
		t.Errorf("foreign tenant: got %d", r.code)
	}
}

func TestAStreamGoesOnBehindTheLastID(t *testing.T) {
	h := start(t, nil)
	for i := range 5 {
		h.publish(signal("acme", fmt.Sprint("s", i+1), 1, "required"))
	}
	next, closeIt := h.listen(h.reader, "", "3")
	for _, want := range []string{"signal 4", "signal 5"} {
		if got := next(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	closeIt()
	next, closeIt = h.listen(h.reader, "?last_event_id=4", "")
	if got := next(); !strings.HasPrefix(got, "signal 5") {
		t.Errorf("by query: got %s", got)
	}
	closeIt()

	if err := natsjs.PurgeBelow(t.Context(), h.broker.JS, subject.SignalsStream, 4); err != nil {
		t.Fatal(err)
	}
	next, closeIt = h.listen(h.reader, "", "1")
	for _, want := range []string{`gap  {"after":1,"before":4}`, "signal 4", "signal 5"} {
		if got := next(); !strings.HasPrefix(got, want) {
			t.Errorf("after a trim: got %s, want %s", got, want)
		}
	}
	closeIt()

	next, closeIt = h.listen(h.reader, "", "999") // an id of another installation
	defer closeIt()
	natstest.Eventually(t, "the stream is open", func() bool { return h.count("riskd_gateway_streams") == 1 })
	h.publish(signal("acme", "s6", 1, "required"))
	if got := next(); !strings.HasPrefix(got, "signal 6") {
		t.Errorf("behind an id beyond the end: got %s", got)
	}
	if r := h.do("GET", "/v1/signals", h.reader, "", "", "Last-Event-ID", "x"); r.code != http.StatusBadRequest {
		t.Errorf("id that is none: got %d", r.code)
	}
}

func TestAnIdleStreamBeats(t *testing.T) {
	h := start(t, nil)
	h.publish(signal("globex", "s", 1, "required"))
	req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/v1/signals", nil)
	req.Header.Set("Authorization", "Bearer "+h.acme)
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	beats := 0
	for lines := bufio.NewScanner(resp.Body); beats < 3 && lines.Scan(); {
		if lines.Text() == ": beat" {
			beats++
		}
		if strings.HasPrefix(lines.Text(), "id: ") && lines.Text() != "id: 1" {
			t.Errorf("got %q, want the newest position", lines.Text())
		}
	}
	if beats != 3 {
		t.Errorf("got %d beats", beats)
	}
}

func TestAStreamEndsWhenItsKeyIsTakenAway(t *testing.T) {
	h := start(t, nil)
	_, closeStream := h.listen(h.acme, "", "")
	defer closeStream()
	natstest.Eventually(t, "one stream open", func() bool { return h.count("riskd_gateway_streams") == 1 })
	h.writeKeys() // all keys are new ones
	natstest.Eventually(t, "the stream is over", func() bool { return h.count("riskd_gateway_streams") == 0 })
}
