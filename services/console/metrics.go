package console

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ seconds *prometheus.HistogramVec }

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "riskd_console_page_seconds",
		Help: "Time to answer a page, by route.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12)}, []string{"route"})}
	return m, r.Register(m.seconds)
}
