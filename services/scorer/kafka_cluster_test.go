//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/sdk"
	sdkkafka "github.com/riskd-io/riskd/pkg/sdk/kafka"
)

const (
	// silence is how long a broker says nothing; tolerated is how long a partition may stand still, or an app's guard be behind, because of that,
	// of a killed broker or of what befalls workers meanwhile. Three seconds of it are the cluster's own.
	silence   = 25 * time.Second
	tolerated = 20 * time.Second
)

// Three brokers keep three copies of everything. One after the other is killed, or says nothing any more, and comes back; workers are killed and
// stopped meanwhile. A majority is always there: events are judged and flags reach apps all the while, but for some seconds.
func TestChaosOnAKafkaClusterLosesAndDoublesNothing(t *testing.T) {
	const partitions, workers = 4, 3
	rounds := max(1, setting(t, "CHAOS_FAULTS", 0)/8)
	cluster := kafkatest.NewCluster(t, t.TempDir(), 3)
	cluster.Start(t)
	t.Cleanup(cluster.Kill)
	cfg := kafkatest.Config(cluster.Addrs(), partitions)
	b := kafkatest.Install(t, cfg)
	c := &crew{t: t, addrs: cfg.Brokers, prefix: cfg.Prefix, partitions: partitions, dir: t.TempDir()}
	for range workers {
		c.join()
	}
	stale := watchGuard(t, cfg)
	halt := flow(t, b.Publisher(), newWorld(13, 30*rounds).take(30_000*rounds), 150*time.Millisecond)
	losses, stops := 0, 0
	for round := range rounds {
		cluster.Settle(t)
		time.Sleep(time.Second)
		one := cluster.Servers[round%len(cluster.Servers)]
		one.Kill()
		losses++
		time.Sleep(time.Second)
		c.replace() // nobody knows yet that the broker is gone
		time.Sleep(3 * time.Second)
		c.freeze(func() { c.storm(2) })
		one.Start(t)
		cluster.Settle(t)

		other := cluster.Servers[(round+1)%len(cluster.Servers)]
		other.Pause()
		resume := time.Now().Add(silence)
		time.Sleep(2 * time.Second)
		c.replace()
		time.Sleep(time.Until(resume))
		other.Resume()
		stops++
		c.freeze(func() { time.Sleep(2 * cfg.SessionTimeout) })
		c.replace()
	}
	evs := halt()
	behind := stale()
	v := c.judge(b, evs)
	fmt.Printf("chaos: broker=kafka brokers=%d kills=%d lost_brokers=%d silent_brokers=%d still_s=%.1f guard_behind_s=%.1f %s\n",
		len(cluster.Servers), c.kills, losses, stops, v.longest.Seconds(), behind.Seconds(), v)
	v.demand(t)
	if v.longest > tolerated || behind > tolerated {
		t.Errorf("a partition stood still for %s and a guard was behind for %s; a broker was silent for %s", v.longest, behind, silence)
	}
}

// watchGuard joins an app and returns how long its guard was behind at most.
func watchGuard(t *testing.T, cfg kafka.Config) (longest func() time.Duration) {
	t.Helper()
	client, err := sdkkafka.Connect(sdkkafka.Config{Brokers: cfg.Brokers, Prefix: cfg.Prefix}, "//chaos", sdk.WithTenant("acme"), sdk.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.Guard().WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	stop, most := make(chan struct{}), make(chan time.Duration)
	go func() {
		for at := time.Duration(0); ; {
			at = max(at, client.Guard().Check("acme", "nobody").Staleness())
			select {
			case <-stop:
				most <- at
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() time.Duration { close(stop); defer client.Close(context.Background()); return <-most }
}
