//go:build chaos && unix

package scorer

import (
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// roundBudget is how much time may have passed when the second round of faults begins, so that CI is not held up.
const roundBudget = 40 * time.Second

// Workers are killed, stopped and woken, and come and go faster than their group settles; the broker is killed, stopped and woken. What was
// decided about events that flow all the while is what one serial run decides, and every signal of it is stored once.
func TestChaosOnApacheKafkaLosesAndDoublesNothing(t *testing.T) {
	const partitions, workers = 4, 3
	rounds, began := max(2, setting(t, "CHAOS_FAULTS", 0)/12), time.Now()
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	cfg := kafkatest.Config([]string{server.Addr}, partitions)
	b := kafkatest.Install(t, cfg)
	c := &crew{t: t, addrs: cfg.Brokers, prefix: cfg.Prefix, partitions: partitions, dir: t.TempDir()}
	for range workers {
		c.join()
	}
	// A user's events are minutes apart and begin ten days ago: so many users that nobody's lie in the future when the last round begins.
	halt := flow(t, b.Publisher(), newWorld(12, 20*rounds).take(20_000*rounds), 150*time.Millisecond)
	restarts, pauses := 0, 0
	for round := range rounds {
		if round > 0 && rounds == 2 && time.Since(began) > roundBudget { // a busy machine: one round has shown each fault
			break
		}
		time.Sleep(time.Second)
		c.freeze(func() { time.Sleep(2 * cfg.SessionTimeout) }) // others have its partitions when it wakes up
		c.replace()
		c.freeze(func() { c.storm(5) })
		server.Kill()
		server.Start(t)
		restarts++
		c.replace()
		time.Sleep(2 * time.Second)
		server.Pause()
		time.Sleep(3 * time.Second)
		server.Resume()
		pauses++
		c.replace()
	}
	evs := halt()
	v := c.judge(b, evs)
	fmt.Printf("chaos: broker=kafka kills=%d restarts=%d pauses=%d %s\n", c.kills, restarts, pauses, v)
	v.demand(t)
}
