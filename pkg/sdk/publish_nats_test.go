package sdk_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

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
