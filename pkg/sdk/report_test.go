package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
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

func TestAnEventTooLargeForTheBrokerIsRefusedAndHoldsNothingUp(t *testing.T) {
	srv := natstest.Start(t, 1)
	ctx := within(t, 5*time.Second)
	st, err := srv.JS.Stream(ctx, subject.EventsStream(0))
	if err != nil {
		t.Fatal(err)
	}
	cfg := st.CachedInfo().Config
	cfg.MaxMsgSize = 1200
	if _, err := srv.JS.UpdateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	c := client(t, srv.URL)
	big := login("u1")
	big.Attributes = map[string]string{}
	for i := range sdk.MaxAttributes {
		big.Attributes[fmt.Sprint(i)] = strings.Repeat("x", sdk.MaxAttributeValue)
	}
	for _, ev := range []sdk.Event{big, login("u1")} {
		if _, err := c.Report(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if k := c.Counters(); k.Refused != 1 || k.Acknowledged != 1 || k.Retries != 0 {
		t.Errorf("got %+v", k)
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

func TestEventsFindTheirWayIntoAnInstallationMadeAnew(t *testing.T) {
	srv := natstest.Start(t, 8)
	c := client(t, srv.URL)
	report := func(user string) {
		t.Helper()
		if _, err := c.Report(login(user)); err != nil {
			t.Fatal(err)
		}
	}
	flush := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := c.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	report("ann")
	flush()
	for p := range 8 {
		if err := srv.JS.DeleteStream(t.Context(), subject.EventsStream(p)); err != nil {
			t.Fatal(err)
		}
	}
	srv.Topology(2)
	for i := range 8 { // most of them belonged to partitions that are no more
		report(fmt.Sprintf("user-%d", i))
	}
	flush()
	if got := c.Counters().Acknowledged; got != 9 {
		t.Errorf("got %d events acknowledged, want 9", got)
	}
}

// misdirecting is a connection whose first event goes to a subject that no stream has, once.
type misdirecting struct {
	net.Conn
	done *atomic.Bool
}

func (m misdirecting) Dial(network, addr string) (net.Conn, error) {
	c, err := net.Dial(network, addr)
	return misdirecting{c, m.done}, err
}

func (m misdirecting) Write(b []byte) (int, error) {
	if at := bytes.Index(b, []byte("HPUB riskd.in.")); at >= 0 && m.done.CompareAndSwap(false, true) {
		copy(b[at:], "HPUB risky.in.")
	}
	return m.Conn.Write(b)
}

func TestAUsersEventsKeepTheirOrderWhenOneHasToBeSentAgain(t *testing.T) {
	srv := natstest.Start(t, 1)
	var missed atomic.Bool
	c := client(t, srv.URL, sdk.WithPartitions(1), sdk.WithNATSOptions(nats.SetCustomDialer(misdirecting{done: &missed})))
	for i := range 20 {
		for _, user := range []string{"a", "b"} {
			ev := login(user)
			ev.ID = fmt.Sprint(user, i)
			if _, err := c.Report(ev); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Flush(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if !missed.Load() {
		t.Fatal("nothing went wrong: nothing was tested")
	}
	events, _ := srv.Events(0, 40)
	next := map[string]int{}
	for _, ev := range events {
		who := ev.User.Id
		if want := fmt.Sprint(who, next[who]); ev.Id != want {
			t.Errorf("event %s comes where %s was due", ev.Id, want)
		}
		next[who]++
	}
}
