package sdk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

const flagStream = "KV_" + subject.StepUpBucket

// pauseAll has every consumer of the flags bring nothing and send heartbeats, as those of a node do whose copy of the stream is behind.
func pauseAll(t *testing.T, srv *natstest.Server) (paused int) {
	t.Helper()
	ctx := within(t, 5*time.Second)
	stream, err := srv.JS.Stream(ctx, flagStream)
	if err != nil {
		t.Fatal(err)
	}
	for name := range stream.ConsumerNames(ctx).Name() {
		if _, err := stream.PauseConsumer(ctx, name, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		paused++
	}
	return paused
}

func TestAGuardWhoseNodeIsBehindSaysSoAndReadsAnew(t *testing.T) {
	srv := natstest.Start(t, 1)
	events := make(chan sdk.GuardEvent, 64)
	g := client(t, srv.URL, sdk.WithGuardEvents(func(e sdk.GuardEvent) {
		select {
		case events <- e:
		default:
		}
	})).Guard()
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, g, "s1", is(sdk.Required))
	if n := pauseAll(t, srv); n != 1 {
		t.Fatalf("%d consumers were paused, want the guard's", n)
	}
	srv.Put(natstest.Required("acme", "s2", "ch_2", 1))
	if g.Check("acme", "s2").State != sdk.Clear {
		t.Fatal("the flag came from the consumer that was paused")
	}
	eventually(t, g, "s2", is(sdk.Required)) // else with the next full reading, in five minutes
	for {
		select {
		case e := <-events:
			if e.Kind == sdk.ProviderStale && strings.Contains(e.Err.Error(), "behind") {
				return
			}
			continue
		default:
		}
		t.Fatal("the guard did not say that it was behind")
	}
}

// What tells that all was read where the last entry is gone, as after its expiry, is the consumer's position.
func TestAGuardIsReadyWithoutTheLastEntryOfItsBucket(t *testing.T) {
	srv := natstest.Start(t, 1)
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	srv.Put(natstest.Required("acme", "s2", "ch_2", 1))
	ctx := within(t, 5*time.Second)
	stream, err := srv.JS.Stream(ctx, flagStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+subject.StepUpBucket+"."+subject.Key("acme", "s2"))); err != nil {
		t.Fatal(err)
	}
	c := client(t, srv.URL)
	if err := c.Guard().WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if g := c.Guard(); g.Check("acme", "s1").State != sdk.Required || g.Check("acme", "s2").State != sdk.Clear {
		t.Errorf("got %v and %v", g.Check("acme", "s1").State, g.Check("acme", "s2").State)
	}
}
