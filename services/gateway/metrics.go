package gateway

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	events   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	denied   *prometheus.CounterVec

	streams   prometheus.Gauge
	signals   prometheus.Counter
	dropped   prometheus.Counter
	keyErrors prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_gateway_requests_total", Help: "Requests answered."}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "riskd_gateway_request_duration_seconds", Help: "Time to answer; for signals, how long the stream was open.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"route"}),
		events:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_gateway_events_total", Help: "Events by what became of them."}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_gateway_events_refused_total", Help: "Invalid events by reason."}, []string{"reason"}),
		denied:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_gateway_denied_total", Help: "Requests turned away before their events were looked at."}, []string{"cause"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "riskd_gateway_streams", Help: "Open signal streams."}),
		signals: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_gateway_signals_sent_total", Help: "Signals written to streams."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_gateway_streams_dropped_total", Help: "Streams closed because their client did not read."}),
		keyErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "riskd_gateway_key_reload_errors_total", Help: "Times the key file could not be read again.",
		}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.events, m.refused, m.denied, m.streams, m.signals, m.dropped, m.keyErrors} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("registering gateway metrics: %w", err)
	}
	return m, nil
}
