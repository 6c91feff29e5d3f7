package sdk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
)

const quickly = 100 * time.Millisecond // the tests' heartbeat

// A node that was cut off from the others answers pings, sends heartbeats and has nothing new, and its own copy does not know better. A guard that believed
// it would let whoever is flagged meanwhile pass for as long as that lasts.
func TestAnAppLeavesANodeThatWasCutOff(t *testing.T) {
	srv := natstest.Start(t, 1)
	proxy := srv.Proxy(t)
	g := client(t, proxy.URL+","+srv.URL, sdk.WithNATSOptions(nats.DontRandomize(), nats.IgnoreDiscoveredServers())).Guard()
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, g, "s1", is(sdk.Required))
	proxy.CutOff()
	if n := pauseAll(t, srv); n != 1 {
		t.Fatalf("%d consumers were paused, want the guard's", n)
	}
	srv.Put(natstest.Required("acme", "s2", "ch_2", 1))
	flagged := time.Now()
	poll(t, "the flag is there", func() bool {
		v := g.Check("acme", "s2")
		if wrong := time.Since(flagged) - v.Staleness(); v.State == sdk.Clear && wrong > 10*quickly { // it asks every five heartbeats
			t.Fatalf("a guard that lacks a flag says that it is current, %s after that was stored", wrong)
		}
		return v.State == sdk.Required
	})
	if n := proxy.Taken.Load(); n != 1 {
		t.Errorf("the app has connected to the node %d times, want 1", n)
	}
}

// A connection of the app's own is the app's to move: the guard is stale until then.
func TestAGuardBehindANodeThatWasCutOffIsStale(t *testing.T) {
	srv := natstest.Start(t, 1)
	proxy := srv.Proxy(t)
	nc, err := nats.Connect(proxy.URL+","+srv.URL, nats.DontRandomize(), nats.IgnoreDiscoveredServers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	stale := make(chan error, 64)
	c, err := sdk.New(source, sdk.WithConn(nc), sdk.WithLogger(quiet), sdk.WithHeartbeat(quickly), sdk.WithGuardEvents(func(e sdk.GuardEvent) {
		if e.Kind == sdk.ProviderStale {
			select {
			case stale <- e.Err:
			default:
			}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(within(t, 5*time.Second)) })
	if err := c.Guard().WaitReady(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	proxy.CutOff()
	select {
	case err := <-stale:
		if !strings.Contains(err.Error(), "does not reach the others") {
			t.Errorf("stale because of %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the guard is not stale")
	}
	if nc.ConnectedUrl() != proxy.URL {
		t.Error("the app's connection was moved")
	}
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	poll(t, "current again behind another node", func() bool { return c.Guard().Status() == sdk.Ready })
}
