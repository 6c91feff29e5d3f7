package engine

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/bridge"
)

// metrics adds up what one child after the other counts.
type metrics struct {
	mu       sync.Mutex
	restarts uint64
	past     bridge.Stats // of children that have ended
	now      bridge.Stats // of the living one
	up       bool
}

var (
	descUp       = prometheus.NewDesc("riskd_engine_up", "1 when the embedded ClickHouse engine answers.", nil, nil)
	descRestarts = prometheus.NewDesc("riskd_engine_restarts_total", "Times the embedded ClickHouse engine was started again after a crash.", nil, nil)
	descQueries  = prometheus.NewDesc("riskd_engine_queries_total", "Statements that reached the embedded ClickHouse engine.", nil, nil)
	descErrors   = prometheus.NewDesc("riskd_engine_query_errors_total", "Requests that the embedded ClickHouse engine answered with an error.", nil, nil)
	descKilled   = prometheus.NewDesc("riskd_engine_queries_killed_total", "Statements killed because their client had gone.", nil, nil)
	descWritten  = prometheus.NewDesc("riskd_engine_written_rows_total", "Rows written by the embedded ClickHouse engine, with those of views.", nil, nil)
	descRead     = prometheus.NewDesc("riskd_engine_read_rows_total", "Rows read by the embedded ClickHouse engine.", nil, nil)
	descRunning  = prometheus.NewDesc("riskd_engine_running_queries", "Statements running now.", nil, nil)
	descSessions = prometheus.NewDesc("riskd_engine_sessions", "HTTP sessions open now.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descUp, descRestarts, descQueries, descErrors, descKilled, descWritten, descRead, descRunning, descSessions} {
		out <- desc
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counter := func(desc *prometheus.Desc, value uint64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
	}
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	up := 0.0
	if m.up {
		up = 1
	}
	gauge(descUp, up)
	counter(descRestarts, m.restarts)
	counter(descQueries, m.past.Queries+m.now.Queries)
	counter(descErrors, m.past.Errors+m.now.Errors)
	counter(descKilled, m.past.Killed+m.now.Killed)
	counter(descWritten, m.past.WrittenRows+m.now.WrittenRows)
	counter(descRead, m.past.ReadRows+m.now.ReadRows)
	gauge(descRunning, float64(m.now.Running))
	gauge(descSessions, float64(m.now.Sessions))
}

func (m *metrics) set(up bool, stats *bridge.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = up
	if stats != nil {
		m.now = *stats
	}
}

// ended moves the counts of a child that has ended to the past.
func (m *metrics) ended(restart bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = false
	m.past.Queries += m.now.Queries
	m.past.Errors += m.now.Errors
	m.past.Killed += m.now.Killed
	m.past.WrittenRows += m.now.WrittenRows
	m.past.ReadRows += m.now.ReadRows
	m.now = bridge.Stats{}
	if restart {
		m.restarts++
	}
}
