//go:build chaos && unix

package scorer

import (
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// Three brokers keep three copies of everything. One after the other is killed, or stopped until the others have taken its partitions, and comes
// back; workers are killed and stopped meanwhile. A majority is always there, so events are taken and judged all the while.
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
	halt := flow(t, b.Publisher(), newWorld(13, 20*rounds).take(20_000*rounds), 150*time.Millisecond)
	losses, pauses := 0, 0
	for round := range rounds {
		time.Sleep(time.Second)
		one := cluster.Servers[round%len(cluster.Servers)]
		one.Kill()
		losses++
		time.Sleep(time.Second)
		c.replace() // nobody knows yet that the broker is gone
		time.Sleep(3 * time.Second)
		c.freeze(func() { c.storm(2) })
		one.Start(t)
		time.Sleep(2 * time.Second)

		other := cluster.Servers[(round+1)%len(cluster.Servers)]
		other.Pause()
		time.Sleep(2 * time.Second)
		c.replace()
		time.Sleep(4 * time.Second) // the others have its partitions when it wakes up
		other.Resume()
		pauses++
		c.freeze(func() { time.Sleep(2 * cfg.SessionTimeout) })
		c.replace()
	}
	evs := halt()
	v := c.judge(b, evs)
	fmt.Printf("chaos: broker=kafka brokers=%d kills=%d losses=%d pauses=%d longest_pause_s=%.1f %s\n", len(cluster.Servers), c.kills, losses, pauses, v.longest.Seconds(), v)
	v.demand(t)
}
