//go:build chaos && unix

package scorer

import (
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/sdk"
	sdkkafka "github.com/riskd-io/riskd/pkg/sdk/kafka"
)

// Three brokers keep three copies of everything. One after the other is killed, or says nothing any more, and comes back; workers are killed and
// stopped meanwhile. A majority is always there: events are judged and flags reach apps all the while, but for some seconds.
func TestChaosOnAKafkaClusterLosesAndDoublesNothing(t *testing.T) {
	const partitions, workers = 4, 3
	rounds := max(1, setting(t, "CHAOS_FAULTS", 0)/24)
	cluster := kafkatest.NewCluster(t, t.TempDir(), 3)
	cluster.Start(t)
	t.Cleanup(cluster.Kill)
	cfg := kafkatest.Config(cluster.Addrs(), partitions)
	b := kafkatest.Install(t, cfg)
	c := &crew{t: t, addrs: cfg.Brokers, prefix: cfg.Prefix, partitions: partitions, dir: t.TempDir()}
	for range workers {
		c.join()
	}
	behind := watchGuards(t, 1, func(opts ...sdk.Option) (*sdk.Client, error) {
		return sdkkafka.Connect(sdkkafka.Config{Brokers: cfg.Brokers, Prefix: cfg.Prefix}, "//chaos", opts...)
	})
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
	guard := behind()
	v := c.judge(b, evs)
	fmt.Printf("chaos: broker=kafka brokers=%d kills=%d lost_brokers=%d silent_brokers=%d still_s=%.1f guard_behind_s=%.1f %s\n",
		len(cluster.Servers), c.kills, losses, stops, v.longest.Seconds(), guard.Seconds(), v)
	v.demand(t)
	tolerate(t, v.longest, guard)
}
