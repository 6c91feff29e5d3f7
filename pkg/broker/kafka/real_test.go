//go:build integration

package kafka_test

import (
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/brokertest"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

func TestABrokerKeepsItsPromisesOnApacheKafka(t *testing.T) { brokertest.Run(t, suite(kafkatest.Real)) }

func TestOrphansOnApacheKafkaEndAsTheRestOfTheirTransactionDid(t *testing.T) {
	orphansEnd(t, kafkatest.Real(t), true, false)
}

// Whatever a transactional id is called, what became of its transactions is found in the coordinator's log.
func TestApacheKafkasCoordinatorSaysWhatBecameOfEachTransaction(t *testing.T) {
	const partitions = 16
	b := kafkatest.Install(t, kafkatest.Config(kafkatest.Real(t), partitions))
	began := time.Now()
	for p := range partitions {
		l := b.Log(p)
		last := claimed(t, l)
		for range 3 { // one under each id
			last = follow(t, l, last)
		}
		l.Close()
		commits, known, err := b.Decided(t.Context(), p, began)
		if err != nil || known != 3 || commits != 3 {
			t.Errorf("partition %d: of 3 transactions %d are known and %d committed: %v", p, known, commits, err)
		}
	}
}
