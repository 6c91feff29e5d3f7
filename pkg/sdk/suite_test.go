package sdk_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	"github.com/riskd-io/riskd/pkg/sdk/sdktest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type overNATS struct{ *natstest.Server }

func (o overNATS) Connect(opts ...sdk.Option) (*sdk.Client, error) {
	return sdk.Connect(o.URL, source, append([]sdk.Option{sdk.WithTenant("acme"), sdk.WithLogger(quiet), sdk.WithHeartbeat(sdktest.Heartbeat),
		sdk.WithNATSOptions(nats.ReconnectWait(20 * time.Millisecond))}, opts...)...)
}

// Put removes the entry of a session that is clear, as riskd does.
func (o overNATS) Put(sig *riskdv1.Signal) {
	if sig.State == "satisfied" {
		o.Delete(sig.TenantId, sig.SessionId)
		return
	}
	o.Server.Put(sig)
}

func (o overNATS) Events(n int) []*riskdv1.Event {
	events, _ := o.Server.Events(0, n)
	return events
}

func TestAnApplicationGetsOnNATSWhatItMayExpect(t *testing.T) {
	sdktest.Run(t, func(tb testing.TB) sdktest.Installation { return overNATS{natstest.Start(tb, 1)} })
}
