package signaler

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	open, lag                        prometheus.Gauge
	expired, failures, overflow      prometheus.Counter
	reconciled, repaired, repairFail prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_signaler_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_signaler_" + name, Help: help})
		reg.MustRegister(g)
		return g
	}
	return &metrics{
		open:       gauge("open_flags", "Sessions that owe a step-up."),
		lag:        gauge("lag_seconds", "How late the last expiry was reported."),
		expired:    counter("expired_total", "Challenges reported as unanswered."),
		failures:   counter("publish_failures_total", "Expiries that could not be reported yet."),
		overflow:   counter("overflow_total", "Open flags beyond the bound; they are left to their time-to-live."),
		reconciled: counter("reconciliations_total", "Comparisons of the bucket with the signals."),
		repaired:   counter("repaired_flags_total", "Flags that a comparison set or cleared."),
		repairFail: counter("reconcile_failures_total", "Comparisons that ended with an error."),
	}
}
