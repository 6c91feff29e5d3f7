//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/sdk"
)

const (
	// silence is how long a broker says nothing; tolerated is how long a partition may stand still, or an app's guard be behind, because of that,
	// of a killed broker or of what befalls workers meanwhile. Some seconds of it are the cluster's own.
	silence   = 25 * time.Second
	tolerated = 20 * time.Second
)

// A node of three says nothing any more, as one that was stopped does or has lost its network, and closes nothing. Workers and apps that are connected to
// it go to the others: events are judged and guards are current again after some seconds, not when it comes back. With CHAOS_FAULTS of 100 or more
// each node is silent once.
func TestChaosASilentNodeHoldsNobodyUp(t *testing.T) {
	patience = 5 * time.Minute
	in := build(t)
	defer in.keepTraces()
	pub, err := natsjs.NewPublisher(eventuallyConnect(t, in.url).Conn, chaosPartitions, natsjs.PublisherConfig{AckWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	behind := watchGuards(t, 3, func(opts ...sdk.Option) (*sdk.Client, error) { return sdk.Connect(in.url, "//chaos", opts...) })
	silences := turns(t)
	halt := flow(t, pub, newWorld(14, 60*silences).take(40_000*silences), 150*time.Millisecond)
	for i := range silences {
		time.Sleep(3 * time.Second)
		in.nodes[i].freeze(silence)
		in.healthy(&in.nodes[i], 30*time.Second)
	}
	evs := halt()
	guard := behind()
	got, equal := in.againstSerial(evs)
	tolerate(t, got.longest, guard)
	line := fmt.Sprintf("chaos: nodes=%d silent_nodes=%d still_s=%.1f guard_behind_s=%.1f events=%d doubled=%d state_equal=%v ok=%v",
		chaosNodes, silences, got.longest.Seconds(), guard.Seconds(), len(evs), got.doubled, equal, !t.Failed() && got.doubled == 0)
	report(t, line)
}

// turns is how many nodes a fault befalls, one after the other: with CHAOS_FAULTS of 100 or more each.
func turns(t *testing.T) int {
	if setting(t, "CHAOS_FAULTS", 0) >= 100 {
		return chaosNodes
	}
	return 1
}

func tolerate(t *testing.T, still, behind time.Duration) {
	t.Helper()
	if still > tolerated || behind > tolerated {
		t.Errorf("a partition stood still for %s and a guard was behind for %s; a broker was silent for %s", still, behind, silence)
	}
}

// watchGuards joins apps and returns how long the guard of any was behind at most.
func watchGuards(t *testing.T, n int, connect func(...sdk.Option) (*sdk.Client, error)) (longest func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	apps := make([]*sdk.Client, n)
	for i := range apps {
		c, err := connect(sdk.WithTenant("acme"), sdk.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Guard().WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		apps[i] = c
	}
	stop, most := make(chan struct{}), make(chan time.Duration)
	go func() {
		for at := time.Duration(0); ; {
			for _, c := range apps {
				at = max(at, c.Guard().Check("acme", "nobody").Staleness())
			}
			select {
			case <-stop:
				most <- at
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		at := <-most
		for _, c := range apps {
			_ = c.Close(context.Background())
		}
		return at
	}
}
