package scorer

import (
	"bytes"
	"context"
	"hash/crc32"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Whatever partitioner the producers have, if it is the same for all, the decisions are those of a serial run. Events that lie elsewhere than
// riskd's own producers would have put them are counted, and the log says what to do.
func TestEventsAreJudgedAlikeWhateverPartitionerAllProducersShare(t *testing.T) {
	const partitions = 4
	evs := newWorld(21, 40).take(1500)
	ref := foldSerially(t, evs)
	for name, producers := range map[string]kgo.Partitioner{
		"Java's (murmur2)": kgo.StickyKeyPartitioner(nil),
		"librdkafka's (CRC-32)": kgo.StickyKeyPartitioner(func(key []byte, n int) int {
			return int(crc32.ChecksumIEEE(key) % uint32(n))
		}),
		"Sarama's (FNV-1a)": kgo.StickyKeyPartitioner(kgo.SaramaHasher(func(key []byte) uint32 {
			h := fnv.New32a()
			h.Write(key)
			return h.Sum32()
		})),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := kafkatest.Config(kafkatest.Fake(t), partitions)
			b := kafkatest.Install(t, cfg)
			cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.RecordPartitioner(producers))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			in, err := b.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			elsewhere := 0
			for _, ev := range evs {
				r, err := b.EventRecord(ev)
				if err == nil {
					err = cl.ProduceSync(t.Context(), r).FirstErr()
				}
				if err != nil {
					t.Fatal(err)
				}
				if in.PartitionOf(ev.TenantId, ev.User.Id) != int(r.Partition) {
					elsewhere++
				}
			}
			if java := strings.HasPrefix(name, "Java"); java != (elsewhere == 0) {
				t.Fatalf("%d events lie elsewhere", elsewhere)
			}
			var said lines
			en := newEnricher(t)
			s, err := New(quickConfig(), Deps{Broker: kafkatest.Open(t, cfg), Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en),
				Log: slog.New(slog.NewTextHandler(&said, nil)), Registry: prometheus.NewRegistry()})
			if err != nil {
				t.Fatal(err)
			}
			run, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = s.Run(run) }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			same(t, ref, decided(t, ctx, b, partitions).decisions)
			stop()
			<-done
			if got := int(testutil.ToFloat64(s.metrics.elsewhere)); got != elsewhere {
				t.Errorf("counted %d events that lie elsewhere, want %d", got, elsewhere)
			}
			if got, want := strings.Count(said.String(), "partitioner=murmur2_random"), min(elsewhere, 1); got != want {
				t.Errorf("the log gave advice %d times, want %d:\n%s", got, want, said.String())
			}
		})
	}
}
