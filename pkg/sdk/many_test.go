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
