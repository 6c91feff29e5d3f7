package scorer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// A transaction at a time for each partition is what bounds Kafka: few partitions, large batches.
const kafkaPartitions = 8

// kafkaSeconds is how long each rate is kept up.
const kafkaSeconds = 3

// TestPipelineOnApacheKafka is `make bench-pipeline BROKER=kafka`: raw, relay and scorer, and the latency of flags, as TestPipeline
// measures them, on a real Apache Kafka on the same machine. Its CPU is the clients' alone: the broker is another process. What needs
// ClickHouse or a million users is not measured.
func TestPipelineOnApacheKafka(t *testing.T) {
	dir := os.Getenv("RISKD_PIPELINE_KAFKA")
	if dir == "" {
		t.Skip("a benchmark: make bench-pipeline BROKER=kafka")
	}
	service.KeepHeapRoom()
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	const n, users = 100_000, 10_000
	evs := pipelineEventsOf(n, users)
	open := func(cfg kafka.Config) *kafka.Broker {
		b := kafkatest.Open(t, cfg)
		if _, err := b.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b
	}
	fill := func() kafka.Config {
		cfg := kafkatest.Config([]string{server.Addr}, kafkaPartitions)
		b := kafkatest.Install(t, cfg)
		for at := 0; at < len(evs); at += 8192 {
			for _, r := range b.Publisher().PublishBatch(t.Context(), evs[at:min(at+8192, len(evs))]) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
		}
		return cfg
	}
	cfg := fill()
	r := &pipeline{Machine: machine()}
	b := open(cfg)
	r.Main.Raw = measure(n, func() { eachPartition(kafkaPartitions, func(p int) { kafkaRelay(t, b, p, false) }) })
	r.Main.Relay = measure(n, func() { eachPartition(kafkaPartitions, func(p int) { kafkaRelay(t, b, p, true) }) })
	cfg = fill()
	s, stop := kafkaWorker(t, open(cfg))
	r.Main.Scorer = measure(n, func() {
		for committed(&worker{Service: s}) < n {
			time.Sleep(2 * time.Millisecond)
		}
	})
	stop()
	for _, rate := range []int{5000, 20000} {
		cfg := kafkatest.Config([]string{server.Addr}, kafkaPartitions)
		kafkatest.Install(t, cfg)
		_, stop := kafkaWorker(t, open(cfg))
		r.Latency = append(r.Latency, latencyPair{Rate: rate, Scorer: kafkaFlags(t, open(cfg), rate)})
		stop()
	}
	m := r.Main
	var out strings.Builder
	fmt.Fprintf(&out, "machine: %s; broker, worker and clients share it; CPU without the broker's\n", r.Machine)
	for name, c := range map[string]cost{"raw consume": m.Raw, "bare relay": m.Relay, "scorer, everything on": m.Scorer} {
		fmt.Fprintf(&out, "%-34s %9.0f events/s %7.2f CPU s/M\n", name, c.Rate, c.CPU)
	}
	for _, l := range r.Latency {
		fmt.Fprintf(&out, "event to flag at %6d/s  p50 %7.1f ms  p99 %7.1f ms  %d flags, producer fell behind: %v\n", l.Rate, l.Scorer.P50, l.Scorer.P99, l.Scorer.Flags, l.Scorer.FellBehind)
	}
	fmt.Fprintf(&out, "pipeline: broker=kafka raw=%.0f relay=%.0f scorer=%.0f ratio_raw=%.2f ratio_relay=%.2f p99_ms_5k=%.1f p99_ms_20k=%.1f\n",
		m.Raw.Rate, m.Relay.Rate, m.Scorer.Rate, m.Scorer.Rate/m.Raw.Rate, m.Scorer.Rate/m.Relay.Rate, r.Latency[0].Scorer.P99, r.Latency[1].Scorer.P99)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pipeline-kafka.txt"), []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// kafkaWorker runs a scorer until stop.
func kafkaWorker(t *testing.T, b *kafka.Broker) (s *Service, stop func()) {
	en := newEnricher(t)
	s, err := New(DefaultConfig(), Deps{Broker: b, Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	return s, func() { cancel(); <-done }
}

// kafkaRelay reads a partition to its end, and with write decodes it and appends a record for each batch.
func kafkaRelay(t *testing.T, b *kafka.Broker, p int, write bool) {
	l := b.Log(p)
	defer l.Close()
	end, err := l.InputEnd(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	if write {
		if err := l.Claim(t.Context()); err != nil {
			t.Error(err)
			return
		}
	}
	in, err := l.Input(1, 2048, 8<<20)
	if err != nil {
		t.Error(err)
		return
	}
	defer in.Close()
	var msgs []broker.Message
	var data []byte
	for at, last := uint64(0), uint64(0); at < end; {
		if msgs, err = in.Take(t.Context(), msgs[:0], 2048, 1<<20); err != nil {
			t.Error(err)
			return
		}
		at = msgs[len(msgs)-1].Seq
		if !write {
			continue
		}
		rec := riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, InputLast: at}
		for i := range msgs {
			ev := new(riskdv1.Event)
			if err := wire.DecodeInto(msgs[i].Envelope, msgs[i].Data, ev); err != nil {
				t.Error(err)
			}
			rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Input: msgs[i].Seq, Status: 1, Event: ev})
		}
		if data, err = journal.Append(data[:0], &rec); err == nil {
			last, err = l.Append(t.Context(), last, data, broker.Outgoing{InputLast: at})
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// kafkaFlags publishes at a rate and measures from the publish call to the flag in a reader of the signals.
func kafkaFlags(t *testing.T, b *kafka.Broker, rate int) quantiles {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, err := b.Follow()
	if err != nil {
		t.Fatal(err)
	}
	var sent sync.Map
	var lat []time.Duration
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		defer reader.Close()
		for {
			flags, err := reader.Take(ctx, nil)
			if err != nil {
				return
			}
			for _, f := range flags {
				if f.Signal == nil {
					continue
				}
				if at, ok := sent.LoadAndDelete(f.Signal.SessionId); ok {
					lat = append(lat, time.Since(at.(time.Time)))
				}
			}
		}
	}()
	evs := benchEvents(rate*kafkaSeconds, 20000)
	for i, ev := range evs {
		ev.Id = strconv.Itoa(i)
		ev.Type, ev.Action, ev.Outcome, ev.ChallengeId = "dev.riskd.activity.v1", "resource.read", "success", ""
		ev.Network.Geo = london
		if i%100 == 0 {
			ev.Session = &riskdv1.Session{Id: "flagged-" + strconv.Itoa(i)}
			ev.Action, ev.Resource = "apikey.create", &riskdv1.Resource{Type: "apikey", Id: "k", Sensitivity: "critical"}
		}
	}
	time.Sleep(3 * time.Second) // the partitions are taken
	var wg sync.WaitGroup
	begin, per := time.Now(), max(rate/500, 1)
	for start := 0; start < len(evs); start += per {
		time.Sleep(time.Until(begin.Add(time.Duration(start) * time.Second / time.Duration(rate))))
		chunk, now := evs[start:min(start+per, len(evs))], time.Now()
		for _, ev := range chunk {
			if strings.HasPrefix(ev.Session.Id, "flagged-") {
				sent.Store(ev.Session.Id, now)
			}
		}
		wg.Go(func() { b.Publisher().PublishBatch(ctx, chunk) })
	}
	wg.Wait()
	behind := time.Since(begin) > kafkaSeconds*time.Second*5/4
	time.Sleep(5 * time.Second)
	cancel()
	<-seen
	return quantilesOf(lat, behind)
}
