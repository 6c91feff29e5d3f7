// Package adaptive finds the step-up threshold at which a chosen share of a tenant's sessions is asked. It keeps a
// histogram of the sessions' highest risks, in which old sessions fade, and moves the threshold once an hour.
//
// What a session tells is in its decisions (Decision.peak_from and peak_to): sessions that end in a denial or go unanswered
// leave the histogram, so that attacks do not move the threshold. The threshold in force is written into the event before
// it is judged, like everything that is looked up: a replay reads it there.
//
// A [State] is a function of one partition's journal alone: hours are those of the broker's clock, and the
// threshold of an hour follows from the hours before it, however events were batched. Not safe for concurrent use.
package adaptive

import (
	"cmp"
	"math"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/policy"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// bins are half points of risk.
	bins    = 201
	binSize = 50 // hundredths of a point
	// unit is one session: a fraction of it is left as it fades.
	unit = 256
	// fade is what is lost in an hour, in parts of 65536: half in two weeks.
	fade = 135
	// maxFade is after how many hours nothing of any count is left.
	maxFade = 24 * 365
	// maxTenants bounds a partition's histograms, 1.6 KB each; tenants beyond keep the policy's fixed threshold.
	maxTenants = 512
	// deadBand is by how much the threshold has to be off, points, before it moves.
	deadBand = 1.0
	hourMS   = 3_600_000
)

// State is one partition's histograms.
type State struct {
	// hour of the last event taken in, since 1970.
	hour    int64
	tenants map[string]*sessions
	memo    map[string]memo
}

// sessions of one tenant.
type sessions struct {
	// closed holds the hours before, fresh this one; in units.
	closed [bins]uint32
	fresh  [bins]int32
	// last is the threshold in force in the hour before, seen that of this hour; hundredths, 0: none.
	last, seen uint32
}

// memo is a threshold that was found, for one hour.
type memo struct {
	hour int64
	by   policy.Adaptive
	at   float64
}

// Name implements the scorer's Section.
func (s *State) Name() string { return "adaptive" }

// Discard has nothing to forget: nothing is prepared.
func (s *State) Discard() {}

// Hour is the hour that an event counts in which the broker took at this time, Unix milliseconds. One record holds events of
// one hour.
func (s *State) Hour(receivedMS int64) int64 { return max(receivedMS/hourMS, s.hour) }

// StepUpAt is the threshold for an event of a tenant, risk 0..100; 0 while there are too few sessions to tell.
func (s *State) StepUpAt(by policy.Adaptive, tenant string, receivedMS int64) float64 {
	if by.Rate <= 0 {
		return 0
	}
	hour := s.Hour(receivedMS)
	if m, ok := s.memo[tenant]; ok && m.hour == hour && m.by == by {
		return m.at
	}
	t := s.tenants[tenant]
	if t == nil {
		return 0
	}
	if hour > s.hour {
		later := *t
		later.close(hour - s.hour)
		t = &later
	}
	at := t.threshold(by)
	if s.memo == nil {
		s.memo = map[string]memo{}
	}
	s.memo[strings.Clone(tenant)] = memo{hour, by, at}
	return at
}

// threshold is the least risk that no more than the chosen share of sessions reach.
func (t *sessions) threshold(by policy.Adaptive) float64 {
	total := uint64(0)
	for _, n := range t.closed {
		total += uint64(n)
	}
	if total < uint64(by.MinSessions)*unit {
		return 0
	}
	most := uint64(by.Rate / 100 * float64(total))
	above, at := uint64(0), 100.0
	for b := bins - 1; b > 0; b-- {
		if above += uint64(t.closed[b]); above > most {
			break
		}
		at = float64(b) * binSize / 100
	}
	if last := float64(t.last) / 100; t.last > 0 && math.Abs(at-last) < deadBand {
		at = last
	}
	return min(max(at, by.Floor), by.Ceiling)
}

// Observe takes in one scored event: the threshold it was judged by, and what it tells of its session.
func (s *State) Observe(tenant string, receivedMS int64, stepUpAt float64, from, to uint32) {
	if hour := s.Hour(receivedMS); hour > s.hour {
		s.advance(hour)
	}
	if stepUpAt <= 0 && from|to == 0 {
		return
	}
	t := s.tenants[tenant]
	if t == nil {
		if len(s.tenants) >= maxTenants {
			return
		}
		if s.tenants == nil {
			s.tenants = map[string]*sessions{}
		}
		t = new(sessions)
		s.tenants[strings.Clone(tenant)] = t
	}
	if stepUpAt > 0 {
		t.seen = uint32(min(stepUpAt, 100)*100 + 0.5)
	}
	if from > 0 {
		t.fresh[bin(from)] -= unit
	}
	if to > 0 {
		t.fresh[bin(to)] += unit
	}
}

// bin of a peak as decisions give it: hundredths plus one.
func bin(peak uint32) int { return int(min((peak-1)/binSize, bins-1)) }

// Take takes in a stored record.
func (s *State) Take(rec *riskdv1.JournalRecord) {
	for _, e := range rec.Entries {
		if e.Status == riskdv1.JournalEntry_STATUS_SCORED {
			s.Observe(e.Event.GetTenantId(), e.Enrichment.GetReceivedMs(), e.Enrichment.GetStepUpAt(), e.Decision.GetPeakFrom(), e.Decision.GetPeakTo())
		}
	}
}

// advance closes hours up to one.
func (s *State) advance(hour int64) {
	for name, t := range s.tenants {
		if t.close(hour - s.hour); t.empty() {
			delete(s.tenants, name)
		}
	}
	s.hour = hour
	clear(s.memo)
}

// close makes the fresh counts old ones, and lets all fade for some hours.
func (t *sessions) close(hours int64) {
	t.last, t.seen = cmp.Or(t.seen, t.last), 0
	for b := range t.closed {
		n := max(0, int64(t.closed[b])+int64(t.fresh[b]))
		if hours >= maxFade {
			n = 0
		}
		for range hours {
			if n == 0 {
				break
			}
			n -= (n*fade + 65535) >> 16
		}
		t.closed[b], t.fresh[b] = uint32(min(n, math.MaxUint32)), 0
	}
}

func (t *sessions) empty() bool {
	return t.closed == [bins]uint32{} && t.fresh == [bins]int32{}
}
