package natsjs_test

import (
	"testing"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/policylog/policylogtest"
)

func TestTheLogOfPoliciesIsALog(t *testing.T) {
	b := natstest.Start(t, 1)
	policylogtest.Run(t, func(t *testing.T) policylog.Log {
		_, js := b.Dial(t)
		l, err := natsjs.OpenPolicyLog(t.Context(), js)
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
}
