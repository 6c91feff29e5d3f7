package scorer

import (
	"github.com/prometheus/client_golang/prometheus"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type metrics struct {
	events                                                          *prometheus.CounterVec
	scored, duplicate, late, dead                                   prometheus.Counter
	deadReasons, signals, takeovers                                 *prometheus.CounterVec
	eventToFlag, batchEvents, recordBytes, commit, stepNS           prometheus.Histogram
	takeover                                                        prometheus.Histogram
	inputGaps, replayed, replayDiffers, policySwaps, pages, expired prometheus.Counter
	effectWaits, effectRetries, effectDrops, checkpointFails        prometheus.Counter
	notices, noticesBeyond, fenced, elsewhere                       prometheus.Counter
}

// maxDeadReasons bounds the label of dead letters: stable codes of ours, the rest is "other".
var deadReasons = map[string]bool{"malformed": true, "missing_field": true, "bad_value": true, "unknown_type": true, "too_large": true,
	"future_time": true, "unsupported_content_type": true, reasonPartition: true}

func newMetrics(reg prometheus.Registerer, s *Service) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "riskd_scorer_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	vec := func(name, label, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "riskd_scorer_" + name, Help: help}, []string{label})
		reg.MustRegister(c)
		return c
	}
	hist := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "riskd_scorer_" + name, Help: help, Buckets: buckets})
		reg.MustRegister(h)
		return h
	}
	gauge := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "riskd_scorer_" + name, Help: help}, f))
	}
	m := &metrics{
		events:      vec("events_total", "status", "Input messages committed, by what became of them."),
		deadReasons: vec("dead_letters_total", "reason", "Messages that are no events, by reason."),
		signals:     vec("signals_total", "state", "Signal revisions published."),
		takeovers:   vec("takeovers_total", "result", "Partitions taken over, by result."),
		eventToFlag: hist("event_to_flag_seconds", "From the broker's receipt of an event to the flag written.",
			prometheus.ExponentialBuckets(0.0005, 2, 16)),
		batchEvents:     hist("batch_events", "Events per journal record.", prometheus.ExponentialBuckets(1, 2, 14)),
		recordBytes:     hist("record_bytes", "Stored bytes per journal record.", prometheus.ExponentialBuckets(256, 2, 16)),
		commit:          hist("commit_seconds", "Append of a record until its acknowledgement.", prometheus.ExponentialBuckets(0.0001, 2, 16)),
		stepNS:          hist("step_nanoseconds", "Decoding, enriching and scoring, per event, by batch.", prometheus.ExponentialBuckets(500, 2, 14)),
		takeover:        hist("takeover_seconds", "Fence to ready.", prometheus.ExponentialBuckets(0.002, 2, 15)),
		inputGaps:       counter("input_gaps_total", "Times the input began later than the journal ended: messages were lost before they were read."),
		replayed:        counter("replayed_events_total", "Events stepped again after a takeover."),
		replayDiffers:   counter("replay_differences_total", "Replayed events whose outcome differs from the journal's: policy, baseline or engine changed in between."),
		policySwaps:     counter("policy_swaps_total", "Times a partition went over to a newer revision of the policies."),
		pages:           counter("pages_written_total", "Profile pages checkpointed."),
		expired:         counter("profiles_expired_total", "Profiles forgotten after the retention."),
		effectWaits:     counter("effect_waits_total", "Times a partition waited because signals could not be published fast enough."),
		effectRetries:   counter("effect_retries_total", "Signals, flags or dead letters that had to be published again."),
		effectDrops:     counter("effect_drops_total", "Signals or dead letters that could not be encoded."),
		notices:         counter("notices_total", "Notices published: rules that only notify, and applied."),
		noticesBeyond:   counter("notices_beyond_total", "Notices not published because one record had too many; they are in the ledger."),
		fenced:          counter("fenced_total", "Batches given up because another worker had taken the partition: its record was refused, or had never been committed."),
		elsewhere:       counter("elsewhere_total", "Events scored in another partition than riskd's own producers would have used: producers do not share one partitioner, or the key is not tenant:user."),
		checkpointFails: counter("checkpoint_failures_total", "Page or manifest writes that failed and are repeated."),
	}
	m.scored, m.duplicate = m.events.WithLabelValues("scored"), m.events.WithLabelValues("duplicate")
	m.late, m.dead = m.events.WithLabelValues("late"), m.events.WithLabelValues("dead_letter")
	for _, r := range []string{"ok", "fenced", "failed"} {
		m.takeovers.WithLabelValues(r)
	}
	gauge("owned_partitions", "Partitions owned and ready.", func() float64 { return float64(s.sum(func(p *partition) int64 { return b2i(p.ready.Load()) })) })
	gauge("lag_events", "Input messages waiting in owned partitions, as of their last read.", func() float64 {
		return float64(s.sum(func(p *partition) int64 { return p.lag.Load() }))
	})
	gauge("profiles", "Users in memory.", func() float64 { return float64(s.sum(func(p *partition) int64 { return p.users.Load() })) })
	gauge("profile_bytes", "Bytes that hold them.", func() float64 { return float64(s.sum(func(p *partition) int64 { return p.bytes.Load() })) })
	return m
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// committed counts a stored record.
func (m *metrics) committed(b *batch) {
	m.scored.Add(float64(b.counts.Scored))
	m.duplicate.Add(float64(b.counts.Duplicate))
	m.late.Add(float64(b.counts.Late))
	m.dead.Add(float64(b.counts.DeadLettered))
	m.batchEvents.Observe(float64(b.counts.Accepted))
	m.recordBytes.Observe(float64(len(b.stored)))
	m.countDead(b.fx.dead)
}

func (m *metrics) countDead(dead []*riskdv1.JournalEntry) {
	for _, d := range dead {
		reason := d.Reason
		if !deadReasons[reason] {
			reason = "other"
		}
		m.deadReasons.WithLabelValues(reason).Inc()
	}
}
