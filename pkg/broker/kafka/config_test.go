package kafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestAnAddressSaysEverything(t *testing.T) {
	c, err := kafka.DefaultConfig().ParseURL("kafka://me:p%40ss@a:9092,b:9092?sasl=scram-sha-512&tls=true&partitioner=librdkafka")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(c.Brokers, ",") != "a:9092,b:9092" || c.User != "me" || c.Password != "p@ss" || c.SASL != "scram-sha-512" || !c.TLS || c.Partitioner != kafka.Librdkafka {
		t.Errorf("got %+v", c)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Password = "from a file"
	if c, err = c.ParseURL("kafka://you@a:9092"); err != nil || c.User != "you" || c.Password != "from a file" {
		t.Errorf("a login without a password in the address: user %q, %v, password kept: %v", c.User, err, c.Password != "")
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for _, url := range []string{"nats://a", "kafka://a:9092?colour=red"} {
		if _, err := kafka.DefaultConfig().ParseURL(url); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
	c := kafka.DefaultConfig()
	c.Brokers, c.SASL, c.Partitioner, c.CA, c.Cert = []string{"nowhere"}, "magic", "dice", "ca.pem", "cert.pem"
	err := c.Validate()
	for _, want := range []string{"kafka-brokers", "kafka-sasl", "kafka-user", "kafka-partitioner", "kafka-tls", "kafka-key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestATopicWithWrongSettingsIsRefused(t *testing.T) {
	cfg := kafkatest.Config(kafkatest.Fake(t), 2)
	b := kafkatest.Open(t, cfg)
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	compact := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "retention.ms": kadm.StringPtr("-1"), "retention.bytes": kadm.StringPtr("-1"),
		"unclean.leader.election.enable": kadm.StringPtr("false"), "max.message.bytes": kadm.StringPtr("8388608")}
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 2, 1, compact, cfg.Prefix+"journal"); err != nil {
		t.Fatal(err)
	}
	_, err = b.Ensure(ctx)
	var wrong *kafka.SettingsError
	if !errors.As(err, &wrong) || wrong.Setting != "cleanup.policy" || wrong.Want != "delete" {
		t.Fatalf("got %v, want a SettingsError of cleanup.policy", err)
	}
	if kafka.IsTransient(err) {
		t.Error("waiting would not help")
	}
}

func TestMoreInSyncThanReplicasIsRefused(t *testing.T) {
	cfg := kafkatest.Config(kafkatest.Fake(t), 1)
	kafkatest.Install(t, cfg)
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	two := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "min.insync.replicas", Value: kadm.StringPtr("2")}}
	if resp, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), two, cfg.Prefix+"events"); err != nil || resp[0].Err != nil {
		t.Fatal(err, resp)
	}
	_, err = kafkatest.Open(t, cfg).Ensure(t.Context())
	var wrong *kafka.SettingsError
	if !errors.As(err, &wrong) || wrong.Setting != "min.insync.replicas" || wrong.Have != "2" {
		t.Fatalf("got %v, want a SettingsError of min.insync.replicas", err)
	}
}

func TestAnotherPartitionCountIsRefused(t *testing.T) {
	cfg := kafkatest.Config(kafkatest.Fake(t), 2)
	kafkatest.Install(t, cfg)
	cfg.Partitions = 3
	_, err := kafkatest.Open(t, cfg).Ensure(t.Context())
	var wrong *kafka.SettingsError
	if !errors.As(err, &wrong) || wrong.Have != "2" || wrong.Want != "3" {
		t.Fatalf("got %v, want a SettingsError of 2 and 3", err)
	}
}

func TestCloudEventsOfAnyProducerAreRead(t *testing.T) {
	cfg := kafkatest.Config(kafkatest.Fake(t), 1)
	b := kafkatest.Install(t, cfg)
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	const data = `{"tenant_id":"acme","user":{"id":"ann"},"action":"auth.login","outcome":"success"}`
	header := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	recs := []*kgo.Record{
		{Value: []byte(data), Headers: []kgo.RecordHeader{header("ce_specversion", "1.0"), header("ce_id", "1"), header("ce_source", "//binary"),
			header("ce_type", "dev.riskd.activity.v1"), header("ce_time", "2026-11-28T00:00:00Z"), header("content-type", "application/json")}},
		{Value: []byte(`{"specversion":"1.0","id":"1","source":"//binary","type":"dev.riskd.activity.v1","time":"2026-11-28T00:00:00Z","data":` + data + `}`),
			Headers: []kgo.RecordHeader{header("content-type", "application/cloudevents+json; charset=UTF-8")}},
	}
	for _, r := range recs {
		r.Topic, r.Key = cfg.Prefix+"events", kafka.EventKey("acme", "ann")
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	in, err := b.Log(0).Input(1, 10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var msgs []broker.Message
	for len(msgs) < len(recs) {
		if msgs, err = in.Take(ctx, msgs, 10, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range msgs {
		ev := new(riskdv1.Event)
		if err := wire.DecodeInto(m.Envelope, m.Data, ev); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if ev.Id != "1" || ev.Source != "//binary" || ev.User.GetId() != "ann" || ev.TimeMs != 1795824000000 {
			t.Errorf("event %d: got %v", i, ev)
		}
	}
}
