//go:build integration

package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

func TestTopicsOfApacheKafkaWithWrongSettingsAreRefusedAndItsAbsenceIsTold(t *testing.T) {
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	cl, err := kgo.NewClient(kgo.SeedBrokers(server.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	install := func(t *testing.T) kafka.Config {
		cfg := kafkatest.Config([]string{server.Addr}, 2)
		kafkatest.Install(t, cfg)
		return cfg
	}
	for name, c := range map[string]struct{ topic, setting, value string }{
		"a compacted journal":             {"journal", "cleanup.policy", "compact"},
		"a journal that forgets":          {"journal", "retention.ms", "604800000"},
		"pages without compaction":        {"pages", "cleanup.policy", "delete"},
		"signals without compaction":      {"signals", "cleanup.policy", "delete"},
		"compacted events":                {"events", "cleanup.policy", "compact"},
		"small messages":                  {"journal", "max.message.bytes", "1048588"},
		"more in-sync than replicas":      {"journal", "min.insync.replicas", "2"},
		"events that nobody may write":    {"events", "min.insync.replicas", "3"},
		"unclean elections of the ledger": {"journal", "unclean.leader.election.enable", "true"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := install(t)
			alter := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: c.setting, Value: &c.value}}
			if resp, err := adm.AlterTopicConfigs(t.Context(), alter, cfg.Prefix+c.topic); err != nil || resp[0].Err != nil {
				t.Fatal(err, resp)
			}
			refused(t, cfg, cfg.Prefix+c.topic, c.setting)
		})
	}
	t.Run("more partitions of events than of the journal", func(t *testing.T) {
		cfg := install(t)
		if resp, err := adm.UpdatePartitions(t.Context(), 5, cfg.Prefix+"events"); err != nil || resp.Error() != nil {
			t.Fatal(err, resp)
		}
		refused(t, cfg, cfg.Prefix+"events", "partitions")
		cfg.Partitions = 0
		refused(t, cfg, cfg.Prefix+"events", "partitions")
	})
	t.Run("a broker that is away", func(t *testing.T) {
		b := kafkatest.Install(t, kafkatest.Config([]string{server.Addr}, 1))
		if err := b.Ready(); err != nil {
			t.Fatal(err)
		}
		ready := func(want bool) {
			t.Helper()
			var err error
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
				if err = b.Ready(); (err == nil) == want {
					return
				}
			}
			t.Fatalf("ready: %v, want %v", err, want)
		}
		server.Pause() // it takes connections and says nothing
		ready(false)
		server.Resume()
		ready(true)
		server.Kill()
		ready(false)
		if err := b.Ready(); !kafka.IsTransient(err) {
			t.Errorf("%v: waiting may help", err)
		}
	})
}

// refused expects that a topic's setting is named.
func refused(t *testing.T, cfg kafka.Config, topic, setting string) {
	t.Helper()
	b := kafkatest.Open(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for { // a change takes a moment to be seen
		_, err := b.Ensure(ctx)
		var wrong *kafka.SettingsError
		switch {
		case errors.As(err, &wrong) && wrong.Topic == topic && wrong.Setting == setting && wrong.Why != "" && !kafka.IsTransient(err):
			return
		case err != nil || ctx.Err() != nil:
			t.Fatalf("got %v, want a SettingsError of %s of %s", err, setting, topic)
		}
	}
}
