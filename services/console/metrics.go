package console

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds *prometheus.HistogramVec
	shared  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "riskd_console_page_seconds",
			Help: "Time to answer a page, by route.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12)}, []string{"route"}),
		shared: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_console_shared_pages_total",
			Help: "Pages that several tabs may share: asked of ClickHouse, shared with another tab, or full (asked, and not shared)."}, []string{"result"}),
	}
	return m, errors.Join(r.Register(m.seconds), r.Register(m.shared))
}
