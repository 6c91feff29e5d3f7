package scorer

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

// With one turn for eight partitions nearly every batch is taken up again after a wait.
func TestPartitionsThatWaitForTheirTurnLoseAndReorderNothing(t *testing.T) {
	const partitions = 8
	b := natstest.Start(t, partitions)
	cfg := quickConfig()
	cfg.Turns, cfg.BatchEvents = 1, 40
	w := startWorker(t, b.URL(), cfg)
	w.ready(t)
	evs := newWorld(17, 200).take(6000)
	publishAll(t, newPublisher(t, b.Conn, partitions), evs)
	waitDrained(t, b.JS, partitions)
	w.stop(t)
	checkSignals(t, b.JS, checkAgainst(t, b.JS, partitions, foldSerially(t, evs)))
}
