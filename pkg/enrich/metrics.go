package enrich

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type stats struct {
	reloads, reloadErrors      atomic.Uint64
	lookupErrors, recordMisses atomic.Uint64
	agentMisses, agentEvicted  atomic.Uint64
	crowdEvicted, crowdFull    atomic.Uint64
}

var (
	descReloads   = prometheus.NewDesc("riskd_enrich_reloads_total", "Geo data files swapped in.", nil, nil)
	descReloadErr = prometheus.NewDesc("riskd_enrich_reload_errors_total", "Changed geo data files that could not be read.", nil, nil)
	descLookupErr = prometheus.NewDesc("riskd_enrich_lookup_errors_total", "Geo records that could not be decoded.", nil, nil)
	descMisses    = prometheus.NewDesc("riskd_enrich_cache_misses_total", "Look-ups not answered by a cache.", []string{"cache"}, nil)
	descEvicted   = prometheus.NewDesc("riskd_enrich_evictions_total", "Entries that left a bounded table while in use.", []string{"table"}, nil)
	descAge       = prometheus.NewDesc("riskd_enrich_geo_age_seconds", "Time since a geo database was built.", []string{"database"}, nil)
)

// Describe implements [prometheus.Collector].
func (e *Enricher) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReloads, descReloadErr, descLookupErr, descMisses, descEvicted, descAge} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]: register the Enricher itself.
func (e *Enricher) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v *atomic.Uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v.Load()), labels...)
	}
	count(descReloads, &e.stats.reloads)
	count(descReloadErr, &e.stats.reloadErrors)
	count(descLookupErr, &e.stats.lookupErrors)
	count(descMisses, &e.stats.recordMisses, "record")
	count(descMisses, &e.stats.agentMisses, "agent")
	count(descEvicted, &e.stats.agentEvicted, "agent")
	count(descEvicted, &e.stats.crowdEvicted, "crowd_key")
	count(descEvicted, &e.stats.crowdFull, "crowd_user")
	seen := map[string]bool{}
	for _, s := range e.Sources() {
		if !seen[s.Type] {
			seen[s.Type] = true
			ch <- prometheus.MustNewConstMetric(descAge, prometheus.GaugeValue, time.Since(s.Built).Seconds(), s.Type)
		}
	}
}
