package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// One of two brokers takes questions about offsets and does not answer. Partitions that the other one leads do not notice, and who asks about the silent
// one's learns within seconds that no answer comes: by the request's own default it would be half a minute.
func TestOnlyThePartitionsOfASilentBrokerWaitForIt(t *testing.T) {
	t.Parallel()
	const topic = "riskd.journal"
	c, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for p := range int32(2) {
		if err := c.MoveTopicPartition(topic, p, p); err != nil {
			t.Fatal(err)
		}
	}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if c.CurrentNode() == 0 {
			return nil, nil, false
		}
		c.SleepControl(func() { <-over })
		return nil, nil, true
	})
	b := kafkatest.Open(t, kafkatest.Config(c.ListenAddrs(), 2))
	ask := func(partition int32) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		err := kafka.Bounds(ctx, b, topic, partition)
		return time.Since(began), err
	}
	if took, err := ask(0); err != nil || took > kafka.AnswerWithin {
		t.Errorf("offsets of a partition whose leader answers: %v after %s", err, took)
	}
	if took, err := ask(1); err == nil || took > 2*kafka.AnswerWithin {
		t.Errorf("offsets of a partition whose leader is silent: %v after %s, want an error within %s", err, took, 2*kafka.AnswerWithin)
	}
}
