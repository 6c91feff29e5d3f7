package gateway_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/services/gateway"
)

// report is an event that is no activity, as an app sends it; more is further fields of its data.
func report(id, kind, more string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"//acme/web","type":"dev.riskd.%s.v1","time":%q,"data":{"tenant_id":"acme","user":{"id":"u1"},"session":{"id":"s1"},`+
		`"action":"x","outcome":"success"%s}}`, id, kind, time.Now().UTC().Format(time.RFC3339Nano), more)
}

func (h *house) storedByID() map[string]*riskdv1.Event {
	out := map[string]*riskdv1.Event{}
	for _, ev := range h.stored() {
		out[ev.Id] = ev
	}
	return out
}

// An auditor has to see by which key a challenge was answered or a session judged, whatever the caller writes.
func TestReportsNameTheKeyTheyCameBy(t *testing.T) {
	h := start(t, nil)
	for id, c := range map[string]struct{ key, kind, more, attribute, author string }{
		"result":       {h.acme, "stepup.completed", `,"challenge_id":"ch_1"`, "acme", ""},
		"receipt":      {h.acme, "enforcement", `,"enforcement":{"result":"shown"}`, "acme", ""},
		"by an app":    {h.acme, "feedback", `,"feedback":{"verdict":"attack"}`, "acme", "key:acme"},
		"by somebody":  {h.all, "feedback", `,"feedback":{"verdict":"legitimate","author":"ann@example.com"}`, "all", "key:all (ann@example.com)"},
		"by the user":  {h.acme, "feedback", `,"feedback":{"verdict":"legitimate","author":"user"}`, "acme", "user"},
		"by a liar":    {h.acme, "feedback", `,"feedback":{"verdict":"attack","author":"key:all (boss)"},"attributes":{"gateway_key":"all","label":"them"}`, "acme", "key:acme"},
		"long":         {h.acme, "feedback", `,"feedback":{"verdict":"attack","author":"` + strings.Repeat("é", 64) + `"}`, "acme", "key:acme (" + strings.Repeat("é", 58) + ")"},
		"a plain deed": {h.acme, "activity", `,"attributes":{"gateway_key":"all"}`, "", ""},
	} {
		if r := h.post(c.key, ceJSON, report(id, c.kind, c.more)); r.code != http.StatusAccepted {
			t.Errorf("%s: %d %s", id, r.code, r.body)
			continue
		}
		ev := h.storedByID()[id]
		if got, there := ev.GetAttributes()[gateway.KeyAttribute]; got != c.attribute || there != (c.attribute != "") {
			t.Errorf("%s came by %q, want %q", id, got, c.attribute)
		}
		if got := ev.GetFeedback().GetAuthor(); got != c.author {
			t.Errorf("%s is by %q, want %q", id, got, c.author)
		}
	}
	if got := h.storedByID()["by a liar"].Attributes; !maps.Equal(got, map[string]string{"gateway_key": "acme", "label": "them"}) {
		t.Errorf("attributes %v", got)
	}
}

func TestAReportWithoutRoomForItsKeyIsRefused(t *testing.T) {
	h := start(t, nil)
	var all []string
	for i := range 16 {
		all = append(all, fmt.Sprintf(`"a%d":"x"`, i))
	}
	more := `,"attributes":{` + strings.Join(all, ",") + `}`
	if r := h.post(h.acme, ceJSON, report("full", "feedback", more)); r.code != http.StatusBadRequest || !strings.Contains(string(r.body), "at most 15 on a report") {
		t.Errorf("got %d %s", r.code, r.body)
	}
	if r := h.post(h.acme, ceJSON, report("deed", "activity", more)); r.code != http.StatusAccepted {
		t.Errorf("a plain deed: %d %s", r.code, r.body)
	}
}
