package scorer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// quantiles are milliseconds from the publish call to the flag in a guard.
type quantiles struct {
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
	P999       float64 `json:"p999"`
	Flags      int     `json:"flags"`
	FellBehind bool    `json:"producer_fell_behind"`
}

// latencyPair is the relay's and the scorer's latency at one rate.
type latencyPair struct {
	Rate   int       `json:"rate"`
	Relay  quantiles `json:"relay"`
	Scorer quantiles `json:"scorer"`
	// CPU that the whole bench used for an event, microseconds: generator, server, worker and guard.
	RelayCPU  float64 `json:"relay_cpu_us"`
	ScorerCPU float64 `json:"scorer_cpu_us"`
	// What the worker sees of it, on average: events per record, append to acknowledgement, and an event's storing to its flag's.
	Events   float64 `json:"events_per_record"`
	AppendMS float64 `json:"append_ms"`
	FlagMS   float64 `json:"stored_to_flag_ms"`
}

func quantilesOf(lat []time.Duration, behind bool) quantiles {
	slices.Sort(lat)
	q := func(f float64) float64 {
		if len(lat) == 0 {
			return 0
		}
		return float64(lat[min(int(f*float64(len(lat))), len(lat)-1)].Microseconds()) / 1000
	}
	return quantiles{P50: q(0.5), P99: q(0.99), P999: q(0.999), Flags: len(lat), FellBehind: behind}
}

// latencySeconds is how long a rate is timed: for 500 flags at least, since the p99 of 150 is the second slowest of them, and where the
// machine can keep up for so long that the collector's part is in it. Both fall behind at more, and only queues would be timed.
func latencySeconds(rate int) int {
	if rate > 20_000 {
		return 3
	}
	return max(10, 50_000/max(rate, 1))
}

// latencyRounds is one where the machine cannot keep up: only queues are timed there.
func latencyRounds(rate int) int {
	if rate > 20_000 {
		return 1
	}
	return pipelineRounds
}

// perEvent is microseconds of what a rate's time took, warming included.
func perEvent(cpu float64, rate int) float64 {
	return cpu * 1e6 / float64(rate*(latencySeconds(rate)+warmSeconds))
}

func latencies(t *testing.T, rate int) latencyPair {
	out := latencyPair{Rate: rate}
	t.Run(fmt.Sprintf("latency relay rate=%d", rate), func(t *testing.T) {
		b := startAway(t, pipelinePartitions)
		stop := startRelay(t, b.Broker)
		defer stop()
		time.Sleep(time.Second) // consumers are made
		defer profileTo(t, fmt.Sprintf("relay-latency-%d", rate))()
		cpu := b.cpuSeconds()
		out.Relay = quantilesOf(flagLatencies(t, b.Broker, pipelinePartitions, rate, latencySeconds(rate)))
		out.RelayCPU = perEvent(b.cpuSeconds()-cpu, rate)
	})
	t.Run(fmt.Sprintf("latency scorer rate=%d", rate), func(t *testing.T) {
		b := startAway(t, pipelinePartitions)
		cfg := DefaultConfig()
		if n, err := strconv.Atoi(os.Getenv("RISKD_PIPELINE_TURNS")); err == nil {
			cfg.Turns = n
		}
		w := startWorker(t, b.URL(), cfg)
		w.ready(t)
		time.Sleep(time.Second)
		stop := profileTo(t, fmt.Sprintf("scorer-latency-%d", rate))
		cpu := b.cpuSeconds()
		out.Scorer = quantilesOf(flagLatencies(t, b.Broker, pipelinePartitions, rate, latencySeconds(rate)))
		out.ScorerCPU = perEvent(b.cpuSeconds()-cpu, rate)
		stop()
		out.Events, out.AppendMS, out.FlagMS = mean(w.metrics.batchEvents), mean(w.metrics.commit)*1000, mean(w.metrics.eventToFlag)*1000
		w.stop(t)
	})
	return out
}

// startRelay is the bare relay at work: it decodes, appends a record per batch, and raises a flag for what the events of the
// latency test ask for, without judging anything.
func startRelay(t testing.TB, b *natstest.Broker) (stop func()) {
	t.Helper()
	js := throughLibrary(t, b)
	flags, err := natsjs.OpenFlags(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	slots := make(chan struct{}, effectParallel*4)
	raise := func(p int, seq uint64, ev *riskdv1.Event) {
		sig := flagFor(ev)
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if _, err := flags.Apply(ctx, sig, broker.Position{Partition: p, Seq: seq}); err != nil && ctx.Err() == nil {
				t.Errorf("relay: %v", err)
			}
		})
	}
	for p := range b.Topo.Partitions {
		wg.Go(func() {
			tail, err := natsjs.OpenTail(js, subject.EventsStream(p), 1, natsjs.TailConfig{Messages: DefaultConfig().BatchEvents})
			if err != nil {
				t.Error(err)
				return
			}
			defer tail.Close()
			var msgs []natsjs.Message
			var out []byte
			var last uint64
			var evs []*riskdv1.Event
			for {
				if msgs, err = tail.Take(ctx, msgs[:0], DefaultConfig().BatchEvents, DefaultConfig().BatchBytes); err != nil {
					return
				}
				rec := riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, InputLast: msgs[len(msgs)-1].Seq}
				for i, m := range msgs {
					if len(evs) <= i {
						evs = append(evs, new(riskdv1.Event))
					}
					if err := wire.DecodeInto(m.Envelope(), m.Data, evs[i]); err != nil {
						t.Error(err)
					}
					rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Input: m.Seq, Status: 1, Event: evs[i]})
				}
				if out, err = journal.Append(out[:0], &rec); err == nil {
					last, err = natsjs.AppendRecord(context.WithoutCancel(ctx), js, p, last, out)
				}
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("relay: %v", err)
					}
					return
				}
				for _, ev := range evs[:len(msgs)] {
					if ev.Action == "apikey.create" {
						raise(p, last, ev)
					}
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}
