//go:build integration

package scorer

import (
	"fmt"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// What a serial run decides, and so what is decided over NATS (kafka_test.go), is decided over a real Kafka, with one partition and with
// eight, while workers are killed.
func TestOneLogGivesTheSameDecisionsOverApacheKafka(t *testing.T) {
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	evs := newWorld(11, 40).take(4000)
	ref := foldSerially(t, evs)
	for _, partitions := range []int{1, 8} {
		t.Run(fmt.Sprintf("partitions %d", partitions), func(t *testing.T) {
			same(t, ref, decisionsOver(t, partitions, 2, evs, overKafka(t, []string{server.Addr}, partitions), nil))
		})
	}
}
