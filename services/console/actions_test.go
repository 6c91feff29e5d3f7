package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	"github.com/riskd-io/riskd/services/console/api"
)

func TestFeedbackIsAnEventWithAuthorAndReason(t *testing.T) {
	d := open(t, storytest.Load(t))
	analyst, token := d.as(signin.Analyst)
	body := func(label, reason string) string {
		return `{"tenant":"acme","user":"ada","session":"s-ada-1~9f3a2c41","event":"ev-0008","challenge":"","label":"` + label + `","reason":"` + reason + `"}`
	}
	for label, verdict := range api.Labels {
		d.sent.evs = nil
		r := d.do("POST", "/api/feedback", body(label, "called her, ticket 4711"), analyst, withToken(token))
		if r.code != http.StatusOK || len(d.sent.evs) != 1 {
			t.Fatalf("%s: %d %s", label, r.code, r.body)
		}
		ev := d.sent.evs[0]
		if ev.Type != "dev.riskd.feedback.v1" || ev.Feedback.Verdict != verdict || ev.Feedback.Author != "analyst@acme" || ev.Reason != "called her, ticket 4711" ||
			ev.Feedback.EventId != "ev-0008" || ev.Session.Id != "s-ada-1~9f3a2c41" || ev.Attributes["label"] != label || !strings.Contains(r.body, ev.Id) {
			t.Errorf("%s: %v", label, ev)
		}
	}
	d.sent.evs = nil
	for name, b := range map[string]string{"no reason": body("attack", " "), "no such label": body("maybe", "x"), "unknown fields": `{"verdict":"attack"}`, "no JSON": "{", "a long reason": body("attack", strings.Repeat("x", maxReason+1))} {
		if r := d.do("POST", "/api/feedback", b, analyst, withToken(token)); r.code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, r.code, r.body)
		}
	}
	if r := d.do("POST", "/api/feedback", body("attack", "x"), analyst); r.code != http.StatusForbidden {
		t.Errorf("without the token: %d %s", r.code, r.body)
	}
	if r := d.do("POST", "/api/feedback", body("attack", "x"), analyst, withToken(token), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }); r.code != http.StatusForbidden {
		t.Errorf("from another site: %d %s", r.code, r.body)
	}
	if len(d.sent.evs) != 0 {
		t.Errorf("%d events of refused feedback", len(d.sent.evs))
	}
	d.sent.fail = errors.New("no responders")
	if r := d.do("POST", "/api/feedback", body("attack", "x"), analyst, withToken(token)); r.code != http.StatusServiceUnavailable || !strings.Contains(r.body, "no responders") {
		t.Errorf("without a broker: %d %s", r.code, r.body)
	}
}

func TestDeadLettersAreSentAgainOrSayWhyNot(t *testing.T) {
	conn := storytest.Load(t)
	d := open(t, conn)
	good := `{"specversion":"1.0","id":"e-again","source":"//acme/web","type":"dev.riskd.activity.v1","time":"2026-11-20T12:00:00Z","data":{"tenant_id":"acme","user":{"id":"ann"},"action":"auth.login","outcome":"success"}}`
	insert := "INSERT INTO dead_letters (decided_at, reason, raw, partition, seq, idx) VALUES ('2026-11-20 12:00:00.000', 'unknown_type', '" + good + "', 7, 1, 0)"
	if err := conn.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	analyst, token := d.as(signin.Analyst)
	var letters []api.DeadLetter
	if err := json.Unmarshal([]byte(d.do("GET", "/api/dead?reason=malformed", "", analyst).body), &letters); err != nil || len(letters) == 0 {
		t.Fatalf("%v, %d letters", err, len(letters))
	}
	post := func(keys []string, body string) api.Redriven {
		t.Helper()
		b, _ := json.Marshal(api.Redrive{Keys: keys, Body: body})
		r := d.do("POST", "/api/redrive", string(b), analyst, withToken(token))
		var out api.Redriven
		if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.code != http.StatusOK {
			t.Fatalf("%d %s: %v", r.code, r.body, err)
		}
		return out
	}
	out := post([]string{"7.1.0", letters[0].Key, "99.1.0"}, "")
	want := map[string]string{"7.1.0": "", letters[0].Key: "malformed", "99.1.0": "not there"}
	for _, r := range out.Results {
		if r.Sent != (want[r.Key] == "") || !strings.Contains(r.Problem, want[r.Key]) {
			t.Errorf("%+v; want %q", r, want[r.Key])
		}
	}
	if len(d.sent.evs) != 1 || d.sent.evs[0].Id != "e-again" {
		t.Errorf("sent: %v", d.sent.evs)
	}
	if out := post([]string{letters[0].Key}, strings.Replace(good, "e-again", "e-right", 1)); !out.Results[0].Sent || d.sent.evs[1].Id != "e-right" {
		t.Errorf("corrected by hand: %+v", out)
	}
	if r := d.do("POST", "/api/redrive", `{"keys":[],"body":""}`, analyst, withToken(token)); r.code != http.StatusBadRequest {
		t.Errorf("none: %d", r.code)
	}
}
