package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/kafka"
	"github.com/riskd-io/riskd/pkg/sdk/sdktest"
)

// The broker that leads the topic of signals falls silent just when a guard begins to read: it took the question where the topic ends, and does not answer.
// Another one leads soon afterwards, and the guard is current there. By its own default that question may take half a minute.
func TestAGuardDoesNotWaitForASilentLeaderWhenItBegins(t *testing.T) {
	t.Parallel()
	const topic = "riskd.signals"
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(2, "riskd.events"), kfake.SeedTopics(1, topic, "riskd.notices"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	was := c.LeaderFor(topic, 0)
	asked, over := make(chan struct{}, 100), make(chan struct{})
	t.Cleanup(func() { close(over) })
	c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if c.CurrentNode() != was {
			return nil, nil, false
		}
		asked <- struct{}{}
		c.SleepControl(func() { <-over })
		return nil, nil, true
	})
	client, err := kafka.Connect(kafka.Config{Brokers: c.ListenAddrs(), Heartbeat: sdktest.Heartbeat}, source, sdk.WithTenant("acme"), sdk.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	select {
	case <-asked:
	case <-ctx.Done():
		t.Fatal("the leader is not asked")
	}
	if err := c.MoveTopicPartition(topic, 0, (was+1)%3); err != nil {
		t.Fatal(err)
	}
	if err := client.Guard().WaitReady(ctx); err != nil {
		t.Fatalf("the guard waits for a broker that is silent and leads no more: %v", err)
	}
}
