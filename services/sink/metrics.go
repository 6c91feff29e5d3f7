package sink

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	rows       *prometheus.CounterVec
	batches    prometheus.Counter
	resent     prometheus.Counter
	retries    prometheus.Counter
	lost       prometheus.Counter
	gone       prometheus.Counter
	broken     prometheus.Gauge
	up         prometheus.Gauge
	lagRecords prometheus.Gauge
	lagSeconds prometheus.Gauge
	insert     *prometheus.HistogramVec
	size       prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_sink_rows_total",
			Help: "Rows persisted, by table; rows of a batch that was sent again count once more."}, []string{"table"}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_sink_batches_total",
			Help: "Batches persisted."}),
		resent: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_sink_batches_resent_total",
			Help: "Batches found cut but not finished, and sent again."}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_sink_retries_total",
			Help: "Failures after which the sink read its books again."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_sink_cuts_lost_total",
			Help: "Cuts that another sink made first."}),
		gone: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_sink_lost_records_total",
			Help: "Journal records left out because they were trimmed before they were persisted, and that was accepted."}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_sink_broken_partitions",
			Help: "Partitions that stand still because their journal does not continue what is persisted."}),
		up: prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_sink_up",
			Help: "1 while ClickHouse takes rows."}),
		lagRecords: prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_sink_lag_records",
			Help: "Journal records that are not persisted yet."}),
		lagSeconds: prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_sink_lag_seconds",
			Help: "About how long the oldest of them has been waiting."}),
		insert: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "riskd_sink_insert_seconds",
			Help: "Time of one insert, views included, by table.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 14)}, []string{"table"}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "riskd_sink_batch_entries",
			Help: "Journal entries in a batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 10)}),
	}
	for _, c := range []prometheus.Collector{m.rows, m.batches, m.resent, m.retries, m.lost, m.gone, m.broken, m.up,
		m.lagRecords, m.lagSeconds, m.insert, m.size} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
