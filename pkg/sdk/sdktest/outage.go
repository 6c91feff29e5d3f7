package sdktest

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
)

func silenceIsStale(t *testing.T, in Installation) {
	g := connect(t, in).Guard()
	in.Put(Required("s1", "ch_1", 1))
	until(t, g, "s1", sdk.Required)
	if err := g.WaitReady(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	poll(t, "current", func() bool { return g.Check("acme", "quiet").Staleness() < 4*Heartbeat })
	for range 5 { // quiet, but alive
		time.Sleep(Heartbeat)
		if v := g.Check("acme", "quiet"); v.State != sdk.Clear || v.Staleness() > 10*Heartbeat {
			t.Fatalf("with a live broker: got %v, staleness %v", v.State, v.Staleness())
		}
	}
	in.Stop()
	poll(t, "stale", func() bool { return g.Status() == sdk.Stale })
	time.Sleep(3 * Heartbeat)
	if v := g.Check("acme", "quiet"); v.State != sdk.Clear || v.Staleness() < 3*Heartbeat {
		t.Errorf("with a dead broker: got %v, staleness %v", v.State, v.Staleness())
	}
	if got := g.Check("acme", "s1").State; got != sdk.Required {
		t.Errorf("a known flag while stale: got %v, want required", got)
	}
	in.Restart()
	poll(t, "ready again", func() bool { return g.Status() == sdk.Ready && g.Check("acme", "quiet").Staleness() < 4*Heartbeat })
}

func absenceIsMadeUp(t *testing.T, in Installation) {
	g := connect(t, in).Guard()
	gone := Required("gone", "ch_1", 1)
	in.Put(gone)
	until(t, g, "gone", sdk.Required)
	in.Stop()
	in.Restart()
	gone.State, gone.Revision = "satisfied", 2
	in.Put(gone)
	in.Put(Required("new", "ch_2", 1))
	until(t, g, "new", sdk.Required)
	until(t, g, "gone", sdk.Clear)
}

func eventsAreStored(t *testing.T, in Installation) {
	const users, each = 5, 20
	c := connect(t, in)
	report := func(from, to int) {
		for n := from; n < to; n++ {
			for u := range users {
				if _, err := c.Report(sdk.Event{ID: fmt.Sprintf("%d-%d", u, n), User: sdk.User{ID: "u" + strconv.Itoa(u)}, Action: "auth.login", Outcome: sdk.OutcomeSuccess}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	report(0, each/2)
	if err := c.Flush(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	in.Stop()
	report(each/2, each)
	time.Sleep(3 * Heartbeat)
	in.Restart()
	if err := c.Flush(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for _, ev := range in.Events(users * each) {
		user := ev.User.Id
		if want := fmt.Sprintf("%s-%d", user[1:], next[user]); ev.Id != want || ev.TenantId != "acme" || ev.Source == "" || ev.TimeMs == 0 {
			t.Fatalf("user %s: got event %s, want %s", user, ev.Id, want)
		}
		next[user]++
	}
	if got := c.Counters(); got.Acknowledged != users*each || got.Dropped != 0 {
		t.Errorf("got %+v", got)
	}
}
