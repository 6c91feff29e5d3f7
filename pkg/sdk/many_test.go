package sdk_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
)

// A guard that is slower than the broker takes in a snapshot of many flags in one go: what waits for it is kept.
func TestASnapshotOfManyFlagsOutrunsASlowGuard(t *testing.T) {
	const flags = 20_000
	srv := natstest.Start(t, 1)
	for i := range flags {
		srv.Put(natstest.Required("acme", "s"+strconv.Itoa(i), "ch_"+strconv.Itoa(i), 1))
	}
	var slow sync.Once
	c := client(t, srv.URL, sdk.WithGuardEvents(func(e sdk.GuardEvent) {
		if e.Session != "" {
			slow.Do(func() { time.Sleep(2 * time.Second) }) // the broker has sent all that it may by then
		}
		if e.Kind == sdk.ProviderError {
			t.Errorf("the guard had to begin again: %v", e.Err)
		}
	}))
	if err := c.Guard().WaitReady(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	if n := c.Counters(); n.Flags != flags || n.Snapshots != 1 {
		t.Errorf("%d flags after %d snapshots, want %d after 1", n.Flags, n.Snapshots, flags)
	}
}

// A guard that does not keep up is not current, although something comes all the time: what it has not taken yet may be the flag that is asked for.
func TestAGuardThatDoesNotKeepUpIsStale(t *testing.T) {
	const flags, each = 200, 10 * time.Millisecond
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL, sdk.WithGuardEvents(func(e sdk.GuardEvent) {
		if e.Session != "" {
			time.Sleep(each)
		}
	}))
	g := c.Guard()
	if err := g.WaitReady(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range flags {
		srv.Put(natstest.Required("acme", "s"+strconv.Itoa(i), "ch_"+strconv.Itoa(i), 1))
	}
	last := "s" + strconv.Itoa(flags-1)
	var most time.Duration
	for g.Check("acme", last).State == sdk.Clear { // wrong, and the guard has to know that it may be
		most = max(most, g.Check("acme", last).Staleness())
		time.Sleep(each / 2)
	}
	if want := flags * each / 4; most < want {
		t.Errorf("a flag was missing for two seconds, and the guard called itself %s old, want more than %s", most, want)
	}
	for deadline := time.Now().Add(5 * time.Second); g.Check("acme", last).Staleness() > 500*time.Millisecond; time.Sleep(each) {
		if time.Now().After(deadline) {
			t.Fatal("the guard does not get current again")
		}
	}
}
