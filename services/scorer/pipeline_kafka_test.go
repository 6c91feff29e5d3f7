package scorer

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/sdk"
	sdkkafka "github.com/riskd-io/riskd/pkg/sdk/kafka"
	"github.com/riskd-io/riskd/pkg/service"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const kafkaNote = "Broker, worker and clients share the machine; CPU is that of all of them. Rates of relay and scorer begin when they own their partitions"

// TestPipelineOnApacheKafka is `make bench-pipeline BROKER=kafka`: what TestPipeline measures, on a real Apache Kafka.
func TestPipelineOnApacheKafka(t *testing.T) {
	dir := os.Getenv("RISKD_PIPELINE_KAFKA")
	if dir == "" {
		t.Skip("a benchmark of five minutes: make bench-pipeline BROKER=kafka")
	}
	touch(service.KeepHeapRoom(0)) // as riskd does
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	k := &kafkaBench{server}
	r := newPipeline("Apache Kafka", kafkaNote)
	say := progress()
	k.warm(t)
	say("the broker is warm")
	r.compare([]drained{k.drain(t, pipelinePartitions, 10_000, pipelineEvents)})
	t.Logf("drain: %+v", r.Main)
	r.Own = judgeAlone(t, pipelineEvents, 10_000, kafkaBatch)
	say("raw, relay and scorer")
	for _, p := range []int{1, 8} {
		r.Partitions = append(r.Partitions, k.drain(t, p, 10_000, sweepEvents/2))
		say(fmt.Sprintf("partitions: %d", p))
	}
	r.Users = append(r.Users, r.Main)
	for _, rate := range []int{5000, 20000, 50000, int(0.9 * r.Main.Scorer.Rate)} {
		r.Latency = append(r.Latency, k.latencies(t, rate))
		t.Logf("latency: %+v", r.Latency[len(r.Latency)-1])
		say(fmt.Sprintf("latency at %d/s", rate))
	}
	r.full(t, k.stored)
	say("all of riskd, into ClickHouse")
	k.million(t, r, say)
	say(fmt.Sprintf("restart, restore and takeover with %d users", r.Million))
	if err := r.write(dir, "pipeline-kafka"); err != nil {
		t.Fatal(err)
	}
}

// kafkaBench measures on one broker, with topics of their own for each part.
type kafkaBench struct{ *kafkatest.Server }

// install makes topics, with the time-outs that riskd has by default.
func (k *kafkaBench) install(t testing.TB, partitions int) (kafka.Config, *kafka.Broker) {
	cfg, quick := kafka.DefaultConfig(), kafkatest.Config([]string{k.Addr}, partitions)
	cfg.Brokers, cfg.Partitions, cfg.Prefix = quick.Brokers, quick.Partitions, quick.Prefix
	return cfg, kafkatest.Install(t, cfg)
}

// fill stores events; it returns their payload bytes per event.
func (k *kafkaBench) fill(t testing.TB, b *kafka.Broker, evs []*riskdv1.Event) float64 {
	size := 0
	for at := 0; at < len(evs); at += 8192 {
		chunk := evs[at:min(at+8192, len(evs))]
		for i, r := range b.Publisher().PublishBatch(t.Context(), chunk) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			size += chunk[i].SizeVT()
		}
	}
	return float64(size) / float64(len(evs))
}

// warmTime is how long the broker is made warm at most.
const warmTime = 15 * time.Second

// warm makes the broker do a few thousand transactions: a Java machine compiles what it runs often while it runs it, which a broker in service
// has behind it.
func (k *kafkaBench) warm(t *testing.T) {
	_, b := k.install(t, 8)
	k.fill(t, b, pipelineEventsOf(50_000, 10_000))
	relay := newKafkaRelay(t, b, 8, 50_000)
	relay.batch = 10
	end := time.AfterFunc(warmTime, relay.cancel)
	relay.run()
	end.Stop()
	relay.close()
}

// measure is measure with the broker's CPU.
func (k *kafkaBench) measure(n int, do func()) cost {
	before := k.CPUSeconds()
	c := measure(n, do)
	c.CPU += (k.CPUSeconds() - before) / float64(n) * 1e6
	return c
}

func (k *kafkaBench) drain(t *testing.T, partitions, users, n int) (out drained) {
	t.Run(fmt.Sprintf("drain partitions=%d users=%d", partitions, users), func(t *testing.T) {
		evs := pipelineEventsOf(n, users)
		cfg, b := k.install(t, partitions)
		out = drained{Partitions: partitions, Users: users, Events: n}
		payload := k.fill(t, b, evs)
		out.Raw = k.measure(n, func() { kafkatest.Consume(t, cfg, "events") })
		out.Raw.Bytes = payload
		relay := newKafkaRelay(t, b, partitions, n)
		out.Relay = k.measure(n, relay.run)
		relay.close()
		out.Relay.Bytes = float64(kafkatest.StoredBytes(t, cfg, "journal")) / float64(n)

		cfg, b = k.install(t, partitions)
		k.fill(t, b, evs)
		w := startKafkaWorker(t, cfg, DefaultConfig())
		head := 0
		patiently(t, "all partitions are taken", func() bool { head = committed(w); return w.Ready() == nil || head > n/20 })
		stop := profileTo(t, fmt.Sprintf("kafka-scorer-%d", partitions))
		out.Scorer = k.measure(n-head, func() {
			for committed(w) < n {
				time.Sleep(2 * time.Millisecond)
			}
		})
		stop()
		t.Logf("partitions=%d: append %.1f ms in the mean, %.0f events a record", partitions, mean(w.metrics.commit)*1000, mean(w.metrics.batchEvents))
		w.cancel()
		<-w.done
		out.Scorer.Bytes = float64(kafkatest.StoredBytes(t, cfg, "journal")) / float64(n)
		signals, _ := kafkatest.Consume(t, cfg, "signals")
		out.Signals = float64(signals) / float64(n) * 1000
	})
	return out
}

// kafkaBatch is how many events a record of the relay holds at most: as many as the scorer's.
const kafkaBatch = 2048

// startKafkaWorker runs a scorer until the test ends, or it is cancelled.
func startKafkaWorker(t testing.TB, cfg kafka.Config, scorer Config) *worker {
	b := kafkatest.Open(t, cfg)
	en := newEnricher(t)
	s, err := New(scorer, Deps{Broker: b, Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{Service: s, cancel: cancel, done: make(chan error, 1)}
	go func() { w.done <- s.Run(ctx); close(w.done) }()
	t.Cleanup(func() { cancel(); <-w.done })
	return w
}

func (k *kafkaBench) latencies(t *testing.T, rate int) latencyPair {
	out := latencyPair{Rate: rate}
	timed := func(t *testing.T, cfg kafka.Config, b *kafka.Broker) quantiles {
		time.Sleep(time.Second)
		return quantilesOf(timeFlags(t, &publisherLoad{pub: b.Publisher()}, func(opts ...sdk.Option) (*sdk.Client, error) {
			return sdkkafka.Connect(sdkkafka.Config{Brokers: cfg.Brokers, Prefix: cfg.Prefix}, "//bench", opts...)
		}, rate, latencySeconds(rate)))
	}
	t.Run(fmt.Sprintf("latency relay rate=%d", rate), func(t *testing.T) {
		cfg, b := k.install(t, pipelinePartitions)
		relay := newKafkaRelay(t, b, pipelinePartitions, 0)
		done := make(chan struct{})
		go func() { defer close(done); relay.run() }()
		cpu := cpuSeconds() + k.CPUSeconds()
		out.Relay = timed(t, cfg, b)
		out.RelayCPU = perEvent(cpuSeconds()+k.CPUSeconds()-cpu, rate)
		relay.close()
		<-done
	})
	t.Run(fmt.Sprintf("latency scorer rate=%d", rate), func(t *testing.T) {
		cfg, b := k.install(t, pipelinePartitions)
		w := startKafkaWorker(t, cfg, DefaultConfig())
		patiently(t, "all partitions are taken", func() bool { return w.Ready() == nil })
		cpu := cpuSeconds() + k.CPUSeconds()
		out.Scorer = timed(t, cfg, b)
		out.ScorerCPU = perEvent(cpuSeconds()+k.CPUSeconds()-cpu, rate)
		out.Events, out.AppendMS, out.FlagMS = mean(w.metrics.batchEvents), mean(w.metrics.commit)*1000, mean(w.metrics.eventToFlag)*1000
	})
	return out
}

// stored leaves events for the whole of riskd; half as many as on NATS.
func (k *kafkaBench) stored(t *testing.T, _ string) stored {
	cfg, b := k.install(t, pipelinePartitions)
	s := stored{events: pipelineEvents / 2, args: []string{"-broker", "kafka://" + k.Addr + "?prefix=" + cfg.Prefix}, cpu: k.CPUSeconds}
	s.bytes = k.fill(t, b, pipelineEventsOf(s.events, 10_000))
	return s
}

// patiently waits for cond, three minutes at most: a million users come back on a busy machine, too.
func patiently(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !cond(); time.Sleep(20 * time.Millisecond) { // asking costs the broker, too
		if time.Now().After(deadline) {
			t.Fatalf("after three minutes still not: %s", what)
		}
	}
}
