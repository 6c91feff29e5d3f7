//go:build integration

package kafka_test

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/broker/brokertest"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

func TestABrokerKeepsItsPromisesOnApacheKafka(t *testing.T) { brokertest.Run(t, suite(kafkatest.Real)) }

func TestOrphansOnApacheKafkaEndAsTheRestOfTheirTransactionDid(t *testing.T) {
	orphansEnd(t, kafkatest.Real(t))
}
