package natsjs_test

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

// TestThereIsRoomForMoreThanAThousandGuards: each has a consumer of its own on the flags, and the server's default is a thousand.
func TestThereIsRoomForMoreThanAThousandGuards(t *testing.T) {
	b := natstest.Start(t, 1)
	flags := "KV_" + subject.StepUpBucket
	for i := range server.JSDefaultMaxConsumersPerStream + 1 {
		_, err := b.JS.CreateConsumer(t.Context(), flags, jetstream.ConsumerConfig{Name: "guard" + strconv.Itoa(i),
			AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
		if err != nil {
			t.Fatalf("guard %d: %v", i+1, err)
		}
	}
}

func TestTheServerConfigurationThatIsShippedIsReadAndHasThatRoom(t *testing.T) {
	t.Setenv("NATS_NAME", "n1")
	t.Setenv("NATS_TOKEN", "token")
	opts, err := server.ProcessConfigFile("../../../deploy/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if got := opts.JetStreamLimits.DefaultMaxConsumers; got != -1 {
		t.Errorf("got %d consumers a stream, want no limit", got)
	}
	if !opts.SyncAlways || opts.MaxPayload != 8<<20 {
		t.Errorf("got sync %t and payloads of %d bytes", opts.SyncAlways, opts.MaxPayload)
	}
}

func TestTheConfigurationOfAClusterIsReadAndLeavesASilentServerSoon(t *testing.T) {
	for k, v := range map[string]string{"NATS_NAME": "n1", "NATS_TOKEN": "token", "NATS_ROUTE_PASSWORD": "route",
		"NATS_ROUTE_1": "nats://route:route@n2:6222", "NATS_ROUTE_2": "nats://route:route@n3:6222"} {
		t.Setenv(k, v)
	}
	opts, err := server.ProcessConfigFile("../../../deploy/nats-cluster.conf")
	if err != nil {
		t.Fatal(err)
	}
	if got := opts.JetStreamLimits.DefaultMaxConsumers; got != -1 || opts.MaxPayload != 8<<20 {
		t.Errorf("got %d consumers a stream and payloads of %d bytes", got, opts.MaxPayload)
	}
	if c := opts.Cluster; len(opts.Routes) != 2 || c.Password != "route" || c.PingInterval != natstest.RoutePing || c.MaxPingsOut != natstest.RoutePings || c.WriteDeadline != natstest.RouteWrite {
		t.Errorf("got routes %v and cluster %+v; the chaos suite runs with other settings", opts.Routes, c)
	}
}
