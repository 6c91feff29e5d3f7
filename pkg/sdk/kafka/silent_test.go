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

// leaderFallsSilent joins an app to a cluster in which the leader of a topic takes one kind of request and never answers. Once it has been asked, by
// the guard or because of what begin did, another broker leads.
func leaderFallsSilent(t *testing.T, topic string, key kmsg.Key, begin func(*sdk.Client) error) *sdk.Client {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(1, "riskd.events", "riskd.signals", "riskd.notices"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	was := c.LeaderFor(topic, 0)
	asked, over := make(chan struct{}, 100), make(chan struct{})
	t.Cleanup(func() { close(over) })
	c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
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
	if err := begin(client); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case <-time.After(5 * time.Second):
		t.Fatal("the leader is not asked")
	}
	if err := c.MoveTopicPartition(topic, 0, (was+1)%3); err != nil {
		t.Fatal(err)
	}
	return client
}

// The broker that leads the topic of signals falls silent just when a guard begins to read: it took the question where the topic ends, and does not answer.
// Another one leads soon afterwards, and the guard is current there. By its own default that question may take half a minute.
func TestAGuardDoesNotWaitForASilentLeaderWhenItBegins(t *testing.T) {
	t.Parallel()
	client := leaderFallsSilent(t, "riskd.signals", kmsg.ListOffsets, func(*sdk.Client) error { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := client.Guard().WaitReady(ctx); err != nil {
		t.Fatalf("the guard waits for a broker that is silent and leads no more: %v", err)
	}
}

// The broker that leads a partition of events falls silent with some of them under way. They are stored by its successor within seconds; the events behind
// them wait for no longer either.
func TestEventsDoNotWaitForASilentLeader(t *testing.T) {
	t.Parallel()
	client := leaderFallsSilent(t, "riskd.events", kmsg.Produce, func(c *sdk.Client) error {
		_, err := c.Report(sdk.Event{User: sdk.User{ID: "ann"}, Action: "auth.login", Outcome: sdk.OutcomeSuccess})
		return err
	})
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		t.Fatalf("an event waits for a broker that is silent and leads no more: %v", err)
	}
}
