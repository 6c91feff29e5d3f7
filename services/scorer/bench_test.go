package scorer

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/schemas/subject"
)

func cpuSeconds() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// BenchmarkDrain compares, over the same stored events, reading alone, a bare relay that decodes and appends one
// record per batch, and the scorer. Server and worker share the machine; the producer does not run.
// Use -benchtime=200000x.
func BenchmarkDrain(b *testing.B) {
	for _, partitions := range []int{8, 32} {
		br := natstest.Start(b, partitions)
		pub, err := natsjs.NewPublisher(br.Conn, partitions, natsjs.PublisherConfig{})
		if err != nil {
			b.Fatal(err)
		}
		var stored, size int
		fill := func(b *testing.B) {
			for stored < b.N {
				evs := benchEvents(newWorld(99, 10000), b.N-stored)
				for i, ev := range evs {
					ev.Id = strconv.Itoa(stored + i) // no duplicates: each is work
				}
				for start := 0; start < len(evs); start += 4096 {
					for _, r := range pub.PublishBatch(context.Background(), evs[start:min(start+4096, len(evs))]) {
						if r.Err != nil || r.Duplicate {
							b.Fatalf("%+v", r)
						}
					}
				}
				for _, ev := range evs {
					size += ev.SizeVT()
				}
				stored = b.N
			}
		}
		report := func(b *testing.B, n int, took time.Duration, cpu float64) {
			b.ReportMetric(float64(n)/took.Seconds(), "events/s")
			b.ReportMetric(cpu/float64(n)*1e6, "cpu-s/Mevent")
			b.ReportMetric(float64(size)/float64(stored), "B/event")
		}
		b.Run(fmt.Sprintf("partitions=%d/raw", partitions), func(b *testing.B) {
			fill(b)
			cpu, began := cpuSeconds(), time.Now()
			eachPartition(partitions, func(p int) { relay(b, br.JS, p, nil) })
			report(b, stored, time.Since(began), cpuSeconds()-cpu)
		})
		b.Run(fmt.Sprintf("partitions=%d/relay", partitions), func(b *testing.B) {
			fill(b)
			cpu, began := cpuSeconds(), time.Now()
			eachPartition(partitions, func(p int) { relay(b, br.JS, p, riskdsRecords()) })
			report(b, stored, time.Since(began), cpuSeconds()-cpu)
			for p := range partitions { // the scorer starts from nothing
				s, err := br.JS.Stream(context.Background(), subject.JournalStream(p))
				if err != nil {
					b.Fatal(err)
				}
				cfg := s.CachedInfo().Config
				if err := br.JS.DeleteStream(context.Background(), cfg.Name); err != nil {
					b.Fatal(err)
				}
				if _, err := br.JS.CreateStream(context.Background(), cfg); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("partitions=%d/scorer", partitions), func(b *testing.B) {
			if b.N == 1 {
				return // the trial run; the events are judged once
			}
			fill(b)
			cfg := DefaultConfig()
			cpu, began := cpuSeconds(), time.Now()
			w := startWorker(b, br.URL(), cfg)
			for committed(w) < stored {
				time.Sleep(5 * time.Millisecond)
			}
			report(b, stored, time.Since(began), cpuSeconds()-cpu)
			var bytes uint64
			for p := range partitions {
				s, err := br.JS.Stream(context.Background(), subject.JournalStream(p))
				if err == nil {
					bytes += s.CachedInfo().State.Bytes
				}
			}
			b.ReportMetric(float64(bytes)/float64(stored), "journal-B/event")
			b.ReportMetric(float64(w.sum(func(p *partition) int64 { return p.bytes.Load() }))/float64(w.sum(func(p *partition) int64 { return p.users.Load() })), "B/user")
			w.stop(b)
		})
	}
}

// committed is how many messages the worker has committed.
func committed(w *worker) (n int) {
	for _, c := range []prometheus.Counter{w.metrics.scored, w.metrics.duplicate, w.metrics.late, w.metrics.dead} {
		var m dto.Metric
		_ = c.Write(&m)
		n += int(m.Counter.GetValue())
	}
	return n
}

func mean(h prometheus.Histogram) float64 {
	var m dto.Metric
	_ = h.Write(&m)
	return m.Histogram.GetSampleSum() / float64(max(m.Histogram.GetSampleCount(), 1))
}

func eachPartition(n int, do func(int)) {
	var wg sync.WaitGroup
	for p := range n {
		wg.Go(func() { do(p) })
	}
	wg.Wait()
}

// BenchmarkEventToFlag publishes at a steady rate, in the same process, and measures from the publish call until
// a guard of the SDK has the flag. Every hundredth event raises one.
func BenchmarkEventToFlag(b *testing.B) {
	service.KeepHeapRoom(0) // as riskd does
	const partitions = 32
	for _, rate := range []int{200, 5000, 20000} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			br := natstest.Start(b, partitions)
			w := startWorker(b, br.URL(), DefaultConfig())
			natstest.Eventually(b, "ready", func() bool { return w.Ready() == nil })
			q := quantilesOf(flagLatencies(b, br, partitions, rate, min(latencySeconds(rate), 50)))
			if q.FellBehind {
				b.Log("the broker fell behind the rate")
			}
			if q.Flags < 100 {
				b.Fatalf("%d flags were seen: too few for a p99", q.Flags)
			}
			b.ReportMetric(q.P50, "p50-ms")
			b.ReportMetric(q.P99, "p99-ms")
			b.ReportMetric(float64(q.Flags), "flags")
			b.ReportMetric(mean(w.metrics.commit)*1000, "commit-ms")
			b.ReportMetric(mean(w.metrics.eventToFlag)*1000, "in-worker-ms")
			b.ReportMetric(mean(w.metrics.batchEvents), "events/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// TestIdlePartitionsCostNextToNothing has 32 partitions, server and worker in one process, and nothing to do.
func TestIdlePartitionsCostNextToNothing(t *testing.T) {
	if testing.Short() || os.Getenv("RISKD_TEST_IDLE") == "" {
		t.Skip("measures CPU for five seconds; set RISKD_TEST_IDLE=1")
	}
	b := natstest.Start(t, 32)
	w := startWorker(t, b.URL(), DefaultConfig())
	w.ready(t)
	time.Sleep(time.Second)
	const idle = 5 * time.Second
	before := cpuSeconds()
	time.Sleep(idle)
	used := (cpuSeconds() - before) / idle.Seconds() * 100
	t.Logf("idle: %.2f %% of one processor", used)
	if used > 3 {
		t.Errorf("got %.2f %% of a processor, want at most 3 %%", used)
	}
}
