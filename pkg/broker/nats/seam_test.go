package natsjs_test

import (
	"testing"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"

	"github.com/riskd-io/riskd/pkg/broker/brokertest"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

func TestABrokerKeepsItsPromises(t *testing.T) {
	brokertest.Run(t, func(t testing.TB, partitions int) func(testing.TB) brokertest.Broker {
		b := natstest.Start(t, partitions)
		return func(t testing.TB) brokertest.Broker {
			_, js := b.Dial(t)
			return natsjs.NewBroker(js)
		}
	})
}
