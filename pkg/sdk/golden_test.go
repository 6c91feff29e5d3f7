package sdk

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/schemas"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// fromExample makes the event an application would report to get the example; ok is false when the example has
// something that applications do not report through the SDK.
func fromExample(t *testing.T, text []byte) (ev Event, source string, ok bool) {
	t.Helper()
	var in jsonEvent
	if err := json.Unmarshal(text, &in); err != nil || in.SpecVersion == "" {
		return ev, "", false
	}
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil && text != "" {
			t.Fatal(err)
		}
		return v
	}
	d := in.Data
	ev = Event{
		ID: in.ID, Type: in.Type, Time: at(in.Time), Tenant: d.Tenant, User: User(d.User), Action: d.Action, Outcome: Outcome(d.Outcome),
		Count: d.Count, Bytes: d.Bytes, Attributes: d.Attributes, ChallengeID: d.ChallengeID, Reason: d.Reason,
	}
	if s := d.Session; s != nil {
		ev.Session = EventSession{ID: s.ID, ACR: s.ACR, AMR: s.AMR, AuthTime: at(s.AuthTime)}
	}
	if d.Device != nil {
		ev.Device = d.Device.ID
	}
	if n := d.Network; n != nil {
		ev.RTT = time.Duration(n.RTT) * time.Millisecond
		ev.IP, _ = netip.ParseAddr(n.IP)
	}
	if d.HTTP != nil {
		ev.UserAgent = d.HTTP.UserAgent
	}
	if r := d.Resource; r != nil {
		ev.Resource = Resource{r.Type, r.ID, Sensitivity(r.Sensitivity)}
	}
	if e := d.Enforcement; e != nil {
		ev.enforcement = &riskdv1.Enforcement{Route: e.Route, Result: e.Result, Sdk: e.SDK}
	}
	return ev, in.Source, true
}

// same compares JSON as values, and times as times.
func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			if !same(x[k], y[k]) {
				return false
			}
		}
		return true
	case string:
		y, _ := b.(string)
		t1, err1 := time.Parse(time.RFC3339, x)
		t2, err2 := time.Parse(time.RFC3339, y)
		return x == y || err1 == nil && err2 == nil && t1.Equal(t2)
	}
	return reflect.DeepEqual(a, b)
}

func TestEventsAreWrittenAsInTheSharedExamples(t *testing.T) {
	examples, err := schemas.Examples("event")
	if err != nil {
		t.Fatal(err)
	}
	matched := 0
	for _, ex := range examples {
		if ex.Reason != "" {
			continue
		}
		text := []byte(ex.Canonical)
		if text == nil {
			text = ex.Bytes()
		}
		ev, source, ok := fromExample(t, text)
		if !ok {
			continue
		}
		pb, err := ev.wire(source, "", time.Now())
		if err != nil {
			t.Errorf("%s: %v", ex.Name, err)
			continue
		}
		out, err := appendJSON(nil, pb)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		_, _ = json.Unmarshal(out, &got), json.Unmarshal(text, &want)
		if same(got, want) {
			matched++
			continue
		}
		switch ex.Name { // these have what the SDK does not report: places of upstream, feedback
		case "bad_latitude", "country_only", "export", "feedback", "origin", "login":
		default:
			t.Errorf("%s: got\n%s\nwant\n%s", ex.Name, out, text)
		}
	}
	if matched < 8 {
		t.Errorf("%d examples agree, want at least 8", matched)
	}
}

func TestReceiptsAreThoseOfTheSharedExample(t *testing.T) {
	examples, err := schemas.Examples("event")
	if err != nil {
		t.Fatal(err)
	}
	for _, ex := range examples {
		if ex.Name != "enforcement" {
			continue
		}
		want, source, _ := fromExample(t, ex.Bytes())
		r := newReporter(nil, 1, nil, new(counters))
		c := &Client{source: source, reports: r, now: func() time.Time { return want.Time }}
		c.receipt(Presence{Tenant: want.Tenant, User: want.User, SessionID: want.Session.ID},
			want.enforcement.Route, want.Resource, want.ChallengeID, resultShown, "", 0)
		got := <-r.queue
		got.Id = want.ID
		want.Action += ".shown" // the SDK says it in the action too, for those who read only that
		pb, err := want.wire(source, "", want.Time)
		if err != nil || !proto.Equal(got, pb) {
			t.Errorf("got %v, want %v (%v)", got, pb, err)
		}
		return
	}
	t.Fatal("the example is gone")
}

func TestStatesOfTheSharedSignalsAreUnderstood(t *testing.T) {
	examples, err := schemas.Examples("signal")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]State{"required": Required, "denied": Denied, "satisfied": Clear}
	seen := map[string]bool{}
	for _, ex := range examples {
		var in struct {
			State    string `json:"state"`
			OnExpiry string `json:"on_expiry"`
		}
		if ex.Reason != "" || json.Unmarshal(ex.Bytes(), &in) != nil {
			continue
		}
		if got := newFlag("", "", 0, &riskdv1.Signal{State: in.State, OnExpiry: in.OnExpiry}).state; got != want[in.State] {
			t.Errorf("%s: got %v, want %v", ex.Name, got, want[in.State])
		}
		seen[in.State] = true
	}
	if len(seen) < len(want) {
		t.Errorf("examples only for %v of %v", seen, want)
	}
}
