package console

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds *prometheus.HistogramVec
	shared  *prometheus.CounterVec
	streams prometheus.Gauge
	signIns *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "riskd_console_answer_seconds",
			Help: "Time to answer a question of the console, by route.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12)}, []string{"route"}),
		shared: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_console_shared_answers_total",
			Help: "Answers that several tabs may share: asked of ClickHouse, shared with another tab, or full (asked, and not shared)."}, []string{"result"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_console_streams", Help: "Tabs that listen to the live feed."}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_console_sign_ins_total",
			Help: "Attempts to sign in, by way (password, link, oidc) and result (ok, refused, limited, failed)."}, []string{"way", "result"}),
	}
	return m, errors.Join(r.Register(m.seconds), r.Register(m.shared), r.Register(m.streams), r.Register(m.signIns))
}
