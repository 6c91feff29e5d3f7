package kafka_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/broker/brokertest"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/policylog/policylogtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kafkatest.StopReal()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

func suite(addrs func(testing.TB) []string) brokertest.Open {
	return func(t testing.TB, partitions int) func(testing.TB) brokertest.Broker {
		cfg := kafkatest.Config(addrs(t), partitions)
		kafkatest.Install(t, cfg)
		return func(t testing.TB) brokertest.Broker { return kafkatest.Open(t, cfg) }
	}
}

func TestABrokerKeepsItsPromisesOnKfake(t *testing.T) { brokertest.Run(t, suite(kafkatest.Fake)) }

func TestTheLogOfPoliciesKeepsItsPromises(t *testing.T) {
	cfg := kafkatest.Config(kafkatest.Fake(t), 1)
	kafkatest.Install(t, cfg)
	policylogtest.Run(t, func(t *testing.T) policylog.Log { return kafkatest.Open(t, cfg).PolicyLog() })
}
