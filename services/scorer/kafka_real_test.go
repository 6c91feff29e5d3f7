//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/wire"
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
	c := &crew{t: t, addr: server.Addr, prefix: cfg.Prefix, partitions: partitions, dir: t.TempDir()}
	for range workers {
		c.join()
	}
	// A user's events are minutes apart and begin ten days ago: so many users that nobody's lie in the future when the last round begins.
	halt := flow(t, b.Publisher(), newWorld(12, 20*rounds).take(20_000*rounds), 150*time.Millisecond)
	restarts, pauses := 0, 0
	for round := range rounds {
		if round > 0 && round < 2 && time.Since(began) > roundBudget { // a busy machine: one round has shown each fault
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
	rebalances := c.generation()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	got := decided(t, ctx, b, partitions)
	ref := foldSerially(t, evs)
	lost, wrong := 0, 0
	for id, want := range ref.decisions {
		want.Geo = ""
		switch got.decisions[id] {
		case "":
			lost++
		case string(wire.AppendDecisionJSON(nil, want)):
		default:
			wrong++
		}
	}
	doubled := got.doubled + len(got.decisions) - (len(ref.decisions) - lost)
	signals := storedSignals(t, ctx, b)
	for id, n := range signals {
		if n > 1 {
			doubled += n - 1
		}
		if !got.signals[id] {
			t.Errorf("signal %s is of no record", id)
		}
	}
	for id := range got.signals {
		if signals[id] == 0 {
			lost++
			t.Errorf("signal %s is in the journal and not in its topic", id)
		}
	}
	ok := lost == 0 && wrong == 0 && doubled == 0 && rebalances > 0 && !t.Failed()
	fmt.Printf("chaos: broker=kafka kills=%d restarts=%d pauses=%d rebalances=%d stops=%d in_transaction=%d fenced=%d events=%d signals=%d lost=%d doubled=%d state_equal=%v ok=%v\n",
		c.kills, restarts, pauses, rebalances, c.stops, c.caught, c.said("taken by another worker"), len(evs), len(signals), lost, doubled, wrong == 0, ok)
	if !ok {
		t.Errorf("lost %d, doubled %d, otherwise decided %d, rebalanced %d times", lost, doubled, wrong, rebalances)
	}
}
