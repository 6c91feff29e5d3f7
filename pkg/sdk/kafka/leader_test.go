package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/kafka"
	"github.com/riskd-io/riskd/pkg/sdk/sdktest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// The broker that leads the topic of signals is cut off from the others, which choose another leader. It does not know: it goes on answering the
// guard, and has nothing new. The guard finds out from the others, and has the flag that the new leader took.
func TestAGuardLeavesALeaderThatWasCutOff(t *testing.T) {
	const topic = "riskd.signals"
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(2, "riskd.events"), kfake.SeedTopics(1, topic, "riskd.notices"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	was := c.LeaderFor(topic, 0)
	next := (was + 1) % 3
	var cut atomic.Bool
	var answered atomic.Int64
	c.ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		if !cut.Load() || c.CurrentNode() != was || len(req.Topics) != 1 {
			return nil, nil, false
		}
		answered.Add(1)
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.HighWatermark, rp.LastStableOffset = p.Partition, p.FetchOffset, p.FetchOffset
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	client, err := kafka.Connect(kafka.Config{Brokers: c.ListenAddrs(), Heartbeat: sdktest.Heartbeat}, source, sdk.WithTenant("acme"), sdk.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := client.Guard().WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	cut.Store(true)
	if err := c.MoveTopicPartition(topic, 0, next); err != nil {
		t.Fatal(err)
	}
	for answered.Load() < 3 { // it is believed at first: it cannot be told from a quiet one
		select {
		case <-ctx.Done():
			t.Fatal("the one that was cut off is not asked")
		case <-time.After(sdktest.Heartbeat / 10):
		}
	}
	sig := &riskdv1.Signal{ChallengeId: "ch_1", Revision: 1, TenantId: "acme", UserId: "u", SessionId: "s", State: "required", ExpiresAtMs: time.Now().Add(time.Hour).UnixMilli()}
	data, err := sig.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	rec := &kgo.Record{Topic: topic, Key: []byte(subject.Key("acme", "s") + "." + subject.Token("u")), Value: data}
	if err := producer.ProduceSync(ctx, rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Guard().Wait(ctx, "acme", "s", func(v sdk.Verdict) bool { return v.State == sdk.Required }); err != nil {
		t.Fatalf("the guard does not have the flag after %d answers of the one that was cut off: %v", answered.Load(), err)
	}
}
