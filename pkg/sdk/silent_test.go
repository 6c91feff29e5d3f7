package sdk_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
)

// The node that an app is connected to says nothing any more, and closes nothing. The app goes to another one by itself; by nats.go's defaults it would
// be four minutes at least before it did.
func TestAnAppLeavesANodeThatSaysNothing(t *testing.T) {
	srv := natstest.Start(t, 1)
	proxy := srv.Proxy(t)
	c := client(t, proxy.URL+","+srv.URL, sdk.WithNATSOptions(nats.DontRandomize(), nats.IgnoreDiscoveredServers()))
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, c.Guard(), "s1", is(sdk.Required))
	if proxy.Taken.Load() != 1 {
		t.Fatalf("the app has %d connections to the node, want 1", proxy.Taken.Load())
	}
	proxy.Silence()
	srv.Put(natstest.Required("acme", "s2", "ch_2", 1))
	began := time.Now()
	if v, err := c.Guard().Wait(within(t, time.Minute), "acme", "s2", is(sdk.Required)); err != nil {
		t.Fatalf("after a minute the flag is %s: %v", v.State, err)
	}
	t.Logf("the guard was current again after %s", time.Since(began))
}
