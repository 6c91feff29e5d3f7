//go:build chaos && unix

package scorer

import (
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// A worker on Kafka whose network is gone, or goes one way only, is replaced as one that was killed: it is the group that says so, after its session.
func TestChaosAWorkerOnKafkaThatIsCutOffIsReplaced(t *testing.T) {
	const partitions = 4
	server := kafkatest.NewServer(t, t.TempDir())
	addr, link := server.Link(t)
	server.Start(t)
	t.Cleanup(server.Kill)
	cfg := kafkatest.Config([]string{server.Addr}, partitions)
	b := kafkatest.Install(t, cfg)
	c := &crew{t: t, addrs: []string{addr}, prefix: cfg.Prefix, partitions: partitions, dir: t.TempDir()}
	c.join()
	c.addrs = cfg.Brokers
	c.join()
	halt := flow(t, b.Publisher(), newWorld(12, 60).take(60_000), 150*time.Millisecond)
	ways := []func(network, time.Duration){network.apart, network.unanswered, network.unheard}
	for _, hurt := range ways {
		time.Sleep(4 * time.Second) // it joins again, and has its share
		hurt(network{link}, 4*cfg.SessionTimeout)
	}
	time.Sleep(3 * time.Second)
	v := c.judge(b, halt())
	fmt.Printf("chaos: broker=kafka workers=2 cut_off=%d still_s=%.1f %s\n", len(ways), v.longest.Seconds(), v)
	v.demand(t)
	if most := cfg.SessionTimeout + replaced; v.longest > most {
		t.Errorf("a partition stood still for %s because of a worker's network, want at most %s", v.longest, most)
	}
}
