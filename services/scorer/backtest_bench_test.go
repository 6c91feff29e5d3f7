package scorer

import (
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/service"
)

// BenchmarkBacktest is a backtest's speed beside the live scorer's, in one run over the same events: the scorer takes stored events from
// the broker, judges them and commits; then what its journal holds is played under its policy and a new one at once. Each decision
// has to come again byte for byte. The server shares the machine in both. Use -benchtime=200000x; an operation is an event.
func BenchmarkBacktest(b *testing.B) {
	service.KeepHeapRoom(0) // as riskd and riskctl do
	useGeoData()
	live := newEngine(b)
	files, err := rules.Open("../../deploy/policies/restricted-data.yaml")
	if err != nil {
		b.Fatal(err)
	}
	next, err := rules.NewEngine(files, baseline.Default())
	if err != nil {
		b.Fatal(err)
	}
	br := natstest.Start(b, pipelinePartitions)
	fillBroker(b, br, pipelineEventsOf(b.N, 10_000))
	var w *worker
	scorer := measure(b.N, func() {
		w = startWorker(b, br.URL(), DefaultConfig())
		for committed(w) < b.N {
			time.Sleep(time.Millisecond)
		}
	})
	w.stop(b)
	var r *backtest.Report
	back := measure(b.N, func() {
		r, err = backtest.Run(b.Context(), backtest.Config{Live: live, New: next, Partitions: pipelinePartitions}, backtest.Journal(br.JS, func(n uint64) { b.Errorf("%d records are gone", n) }))
	})
	if err != nil {
		b.Fatal(err)
	}
	if r.Recorded != b.N || r.Same != r.Recorded {
		b.Fatalf("%d events, %d decisions on record, %d came again:\n%s", b.N, r.Recorded, r.Same, r.FirstDiffer)
	}
	b.ReportMetric(scorer.Rate, "scorer-events/s")
	b.ReportMetric(scorer.CPU, "scorer-cpu-us")
	b.ReportMetric(back.Rate, "backtest-events/s")
	b.ReportMetric(back.CPU, "backtest-cpu-us")
	b.ReportMetric(1e6/back.CPU, "backtest-events/core-s")
	b.ReportMetric(back.Rate/scorer.Rate, "ratio")
	b.ReportMetric(0, "ns/op") // b.N events were filled in, too
}
