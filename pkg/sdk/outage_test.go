package sdk_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestAServerThatComesLaterIsNoError(t *testing.T) {
	srv := natstest.Start(t, 1)
	srv.Stop()
	c := client(t, srv.URL, sdk.WithNATSOptions(nats.ReconnectWait(20*time.Millisecond)))
	if got := c.Guard().Check("acme", "s1").State; got != sdk.Unknown {
		t.Errorf("before: got %v, want unknown", got)
	}
	if _, err := c.Report(login("u1")); err != nil {
		t.Error(err)
	}
	srv.Restart()
	eventually(t, c.Guard(), "s1", is(sdk.Clear))
	if err := c.Flush(within(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
}

func TestHeartbeatsTellNoNewsFromADeadConnection(t *testing.T) {
	srv := natstest.Start(t, 1)
	var mu sync.Mutex
	var kinds []sdk.EventKind
	c := client(t, srv.URL, sdk.WithNATSOptions(nats.ReconnectWait(20*time.Millisecond)), sdk.WithGuardEvents(func(ev sdk.GuardEvent) {
		mu.Lock()
		defer mu.Unlock()
		kinds = append(kinds, ev.Kind)
	}))
	g := c.Guard()
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, g, "s1", is(sdk.Required))

	for range 10 { // quiet, but alive
		time.Sleep(100 * time.Millisecond)
		if v := g.Check("acme", "quiet"); v.Staleness() > 400*time.Millisecond {
			t.Fatalf("with a live broker: got staleness %v", v.Staleness())
		}
	}
	srv.Stop()
	poll(t, "stale", func() bool { return g.Status() == sdk.Stale })
	time.Sleep(300 * time.Millisecond)
	if v := g.Check("acme", "quiet"); v.State != sdk.Clear || v.Staleness() < 500*time.Millisecond {
		t.Errorf("with a dead broker: got %v, staleness %v", v.State, v.Staleness())
	}
	if got := g.Check("acme", "s1").State; got != sdk.Required {
		t.Errorf("a known flag while stale: got %v, want required", got)
	}
	srv.Restart()
	poll(t, "ready again", func() bool {
		return g.Status() == sdk.Ready && g.Check("acme", "quiet").Staleness() < 400*time.Millisecond
	})
	mu.Lock()
	defer mu.Unlock()
	if !has(kinds, sdk.ProviderReady) || !has(kinds, sdk.ProviderStale) || !has(kinds, sdk.ProviderConfigurationChanged) {
		t.Errorf("got events %v", kinds)
	}
}

func TestWhatHappenedWhileTheConnectionWasDownIsThereAfterwards(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL, sdk.WithNATSOptions(nats.ReconnectWait(600*time.Millisecond))).Guard()
	srv.Put(natstest.Required("acme", "gone", "ch_1", 1))
	eventually(t, g, "gone", is(sdk.Required))
	srv.Stop()
	srv.Restart()
	srv.Delete("acme", "gone") // the guard is still away
	srv.Put(natstest.Required("acme", "new", "ch_2", 1))
	eventually(t, g, "new", is(sdk.Required))
	eventually(t, g, "gone", is(sdk.Clear))
}

func TestALostConsumerIsNoticedAndReplaced(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	eventually(t, c.Guard(), "s1", is(sdk.Clear))
	ctx := within(t, 5*time.Second)
	stream, err := srv.JS.Stream(ctx, "KV_"+subject.StepUpBucket)
	if err != nil {
		t.Fatal(err)
	}
	for name := range stream.ConsumerNames(ctx).Name() {
		if err := stream.DeleteConsumer(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, c.Guard(), "s1", is(sdk.Required))
	poll(t, "a second snapshot", func() bool { return c.Counters().Snapshots >= 2 })
}

func has[T comparable](list []T, want T) bool {
	for _, v := range list {
		if v == want {
			return true
		}
	}
	return false
}
