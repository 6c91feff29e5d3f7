package sdk_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

func login(user string) sdk.Event {
	return sdk.Event{User: sdk.User{ID: user}, Action: "auth.login", Outcome: sdk.OutcomeSuccess}
}

func TestAnEventArrivesInItsUsersPartitionAsACloudEvent(t *testing.T) {
	srv := natstest.Start(t, 4)
	c := client(t, srv.URL)
	at := time.Date(2026, 11, 23, 12, 0, 0, 123e6, time.UTC)
	id, err := c.Report(sdk.Event{
		ID: "e 1%", Time: at, User: sdk.User{ID: "jo@acme"}, Action: "resource.read", Outcome: sdk.OutcomeSuccess,
		Session: sdk.EventSession{ID: "s1", ACR: "aal1", AMR: []string{"pwd"}, AuthTime: at.Add(-time.Hour)},
		Device:  "d1", IP: netip.MustParseAddr("::ffff:203.0.113.45"), RTT: 31 * time.Millisecond, UserAgent: "Mozilla/5.0",
		Resource: sdk.Resource{Type: "page", ID: "payroll", Sensitivity: sdk.Restricted}, Bytes: 7, Attributes: map[string]string{"plan": "pro"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	p := subject.Partition("acme", "jo@acme", 4)
	events, msgs := srv.Events(p, 1)
	ev, h := events[0], msgs[0].Headers()
	if ev.Id != id || ev.TenantId != "acme" || ev.Source != source || ev.TimeMs != at.UnixMilli() || ev.Type != sdk.TypeActivity {
		t.Errorf("got %v", ev)
	}
	if ev.Network.Ip != "203.0.113.45" || ev.Network.RttMs != 31 || ev.Session.AuthTimeMs != at.Add(-time.Hour).UnixMilli() || ev.Resource.Sensitivity != "restricted" {
		t.Errorf("got %v", ev)
	}
	for _, want := range [][2]string{
		{"ce-specversion", "1.0"}, {"ce-id", "e%201%25"}, {"ce-source", source}, {"ce-type", sdk.TypeActivity}, {"ce-time", "2026-11-23T12:00:00.123Z"},
		{"ce-datacontenttype", "application/protobuf"}, {"content-type", "application/protobuf"}, {nats.MsgIdHdr, source + "|e 1%"},
	} {
		if got := h[want[0]]; len(got) != 1 || got[0] != want[1] {
			t.Errorf("header %s: got %q, want %q", want[0], got, want[1])
		}
	}
	if got, want := msgs[0].Subject(), subject.Event(p, "acme", "jo@acme"); got != want {
		t.Errorf("subject: got %s, want %s", got, want)
	}
}

func TestAnEventReportedTwiceIsStoredOnce(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	ev := login("u1")
	ev.ID = "once"
	for range 2 {
		if _, err := c.Report(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if k := c.Counters(); k.Duplicates != 1 || k.Acknowledged != 2 || srv.Stored(0) != 1 {
		t.Errorf("got %+v, stored %d", k, srv.Stored(0))
	}
}

func TestEventsSurviveABrokerThatGoesAndComesBack(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL, sdk.WithNATSOptions(nats.ReconnectWait(20*time.Millisecond)))
	const n = 3000
	for i := range n {
		if i == n/3 {
			srv.Stop()
		}
		if i == 2*n/3 {
			srv.Restart()
		}
		ev := login("u1")
		ev.ID = fmt.Sprint(i)
		if _, err := c.Report(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := srv.Stored(0); got != n {
		t.Errorf("stored: got %d, want %d", got, n)
	}
	events, _ := srv.Events(0, n)
	for i, ev := range events {
		if ev.Id != fmt.Sprint(i) {
			t.Fatalf("order: at %d got %s", i, ev.Id)
		}
	}
	if k := c.Counters(); k.Acknowledged != n || k.Dropped != 0 || k.Queued != 0 {
		t.Errorf("got %+v", k)
	}
}

func TestAFullQueueDropsCountsAndSaysSo(t *testing.T) {
	srv := natstest.Bare(t) // nowhere to store anything
	c := client(t, srv.URL, sdk.WithQueue(10))
	var full int
	for range 20 + 256 { // a batch may be on its way
		if _, err := c.Report(login("u1")); errors.Is(err, sdk.ErrQueueFull) {
			full++
		}
	}
	k := c.Counters()
	if full == 0 || k.Dropped != uint64(full) || k.Reported != k.Dropped+uint64(k.Queued) {
		t.Errorf("%d refused: got %+v", full, k)
	}
	err := c.Close(within(t, 100*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "events unsent") {
		t.Errorf("closing with events unsent: got %v", err)
	}
	if k := c.Counters(); k.Reported != k.Dropped || k.Queued != 0 {
		t.Errorf("after Close: got %+v", k)
	}
}

func TestCloseSendsWhatIsQueued(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	for range 1000 {
		if _, err := c.Report(login("u1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := srv.Stored(0); got != 1000 {
		t.Errorf("stored: got %d, want 1000", got)
	}
}

func TestEventsThatRiskdCouldNotAcceptAreRefusedAtOnce(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	for name, change := range map[string]func(*sdk.Event){
		"user.id is missing":   func(ev *sdk.Event) { ev.User.ID = "" },
		"action is missing":    func(ev *sdk.Event) { ev.Action = "" },
		"outcome":              func(ev *sdk.Event) { ev.Outcome = "fine" },
		"session.id is longer": func(ev *sdk.Event) { ev.Session.ID = strings.Repeat("x", sdk.MaxID+1) },
		"attribute":            func(ev *sdk.Event) { ev.Attributes = map[string]string{"": "x"} },
		"17 attributes": func(ev *sdk.Event) {
			ev.Attributes = map[string]string{}
			for i := range 17 {
				ev.Attributes[fmt.Sprint(i)] = ""
			}
		},
	} {
		ev := login("u1")
		change(&ev)
		if _, err := c.Report(ev); !errors.Is(err, sdk.ErrInvalidEvent) || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error about %q, got %v", name, err)
		}
	}
	if k := c.Counters(); k.Reported != 0 {
		t.Errorf("got %+v", k)
	}
}
