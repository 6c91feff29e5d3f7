//go:build chaos && unix

package scorer

import (
	"fmt"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
)

const (
	// apart is how long a worker's network is away, and replaced how long a partition may stand still because of that: as long as after a kill.
	apart    = 12 * time.Second
	replaced = 5 * time.Second
)

// A worker whose network is gone, or goes one way only, is replaced as one that was killed, although it lives and in one of the ways its renewals arrive;
// and what it still has under way when its network is back counts for nothing. With CHAOS_FAULTS of 100 or more it is each worker's turn.
func TestChaosAWorkerThatIsCutOffIsReplaced(t *testing.T) {
	patience = 5 * time.Minute
	in := build(t)
	defer in.keepTraces()
	pub, err := natsjs.NewPublisher(eventuallyConnect(t, in.url).Conn, chaosPartitions, natsjs.PublisherConfig{AckWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ways := []func(network, time.Duration){network.apart, network.unanswered, network.unheard}
	workers := turns(t)
	halt := flow(t, pub, newWorld(16, 60*workers).take(60_000*workers), 150*time.Millisecond)
	for i := range workers {
		for _, hurt := range ways {
			time.Sleep(3 * time.Second)
			hurt(in.scorers[i].over, apart)
		}
	}
	time.Sleep(3 * time.Second)
	evs := halt()
	got, equal := in.againstSerial(evs)
	if got.longest > replaced {
		t.Errorf("a partition stood still for %s because of a worker's network", got.longest)
	}
	in.alive()
	line := fmt.Sprintf("chaos: workers=%d cut_off=%d still_s=%.1f events=%d doubled=%d state_equal=%v ok=%v",
		chaosScorers, workers*len(ways), got.longest.Seconds(), len(evs), got.doubled, equal, !t.Failed() && got.doubled == 0)
	report(t, line)
}
