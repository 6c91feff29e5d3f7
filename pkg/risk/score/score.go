// Package score turns features into named pieces of evidence that add up exactly to a risk.
//
// Evidence is measured in nats, the natural logarithm of a likelihood ratio: how much likelier the
// observation is if somebody else is acting than if the user is. Every piece is rounded to the grid of a
// thousandth of a nat BEFORE anything is added, and the sum is made of whole thousandths. So
//
//	risk = round(100 / (1 + exp(-sum of nats)), 2 decimals)
//
// can be recomputed by anyone from the stored parts, to the last digit: see [RiskFromParts].
// One part, "prior", is the log-odds before any evidence.
//
// It keeps no state and is safe for concurrent use.
package score

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Codes of parts. They are stable: customers write rules and queries with them.
const (
	Prior            = "prior"
	ImpossibleTravel = "impossible_travel"
	NewNetwork       = "new_network"
	KnownNetwork     = "known_network"
	HostingNetwork   = "hosting_network"
	NewAgent         = "new_agent"
	KnownAgent       = "known_agent"
	UnknownDevice    = "unknown_device"
	KnownDevice      = "known_device"
	SharedDevice     = "shared_device"
	TokenMoved       = "token_on_other_agent"
	SessionSwitch    = "session_switch"
	UnusualHour      = "unusual_hour"
	UsualHour        = "usual_hour"
	UnusualActivity  = "unusual_activity"
	Burst            = "burst"
	UnusualVolume    = "unusual_volume"
	Failures         = "failures_before"
	CrowdSource      = "crowd_source"
	UnusualRTT       = "unusual_rtt"
	Dormant          = "dormant_account"
	FailedChallenge  = "failed_challenge"
	ReportedHostile  = "reported_hostile"
	Proven           = "proven"
)

const (
	// grid is how many steps a nat has.
	grid = 1000
	// most bounds one piece of evidence, in steps.
	most = 100 * grid
)

// Milli rounds nats to the grid. Anything that is not a number is no evidence.
func Milli(nats float64) profile.Milli {
	switch v := nats * grid; {
	case v >= 0:
		return profile.Milli(min(v, most) + 0.5)
	case v < 0:
		return profile.Milli(max(v, -most) - 0.5)
	}
	return 0
}

// Nats of a grid value. Division of two small integers rounds correctly, so that the result prints shortest.
func Nats(m profile.Milli) float64 { return float64(m) / grid }

// Risk of a sum, 0..100 with two decimals.
func Risk(sum profile.Milli) float64 {
	return numeric.Round(10000/(1+numeric.Exp(-float64(sum)/grid))) / 100
}

// RiskFromParts recomputes a decision's risk from its stored parts.
func RiskFromParts(parts []decision.Part) float64 {
	var sum profile.Milli
	for i := range parts {
		sum += profile.Milli(numeric.Round(parts[i].Nats * grid))
	}
	return Risk(sum)
}

// Headline maps evidence of one family to 0..100: 0 for none, half of the way per 1.5 nats.
func Headline(sum profile.Milli) float64 {
	if sum <= 0 {
		return 0
	}
	return numeric.Round(10000*(1-numeric.Exp2(-float64(sum)/(1.5*grid)))) / 100
}

// Sheet collects the parts of one decision into it, reusing the decision's memory.
type Sheet struct {
	d    *decision.Decision
	last *decision.Part
	sum  profile.Milli
}

// On starts a sheet that writes to d.
func On(d *decision.Decision) Sheet {
	d.Parts = d.Parts[:0]
	return Sheet{d: d}
}

// Sum of the parts so far.
func (s *Sheet) Sum() profile.Milli { return s.sum }

// Add adds a part; details may follow with Number and Text.
func (s *Sheet) Add(code string, m profile.Milli) {
	n := len(s.d.Parts)
	if n < cap(s.d.Parts) {
		s.d.Parts = s.d.Parts[:n+1]
		s.last = &s.d.Parts[n]
		s.last.Code, s.last.Nats, s.last.Detail = code, Nats(m), s.last.Detail[:0]
	} else {
		s.d.Parts = append(s.d.Parts, decision.Part{Code: code, Nats: Nats(m), Detail: make([]decision.Detail, 0, 12)})
		s.last = &s.d.Parts[n]
	}
	s.sum += m
}

// Number adds an input to the last part; the key names the unit. Values are rounded to three decimals.
func (s *Sheet) Number(key string, v float64) {
	s.last.Detail = append(s.last.Detail, decision.Detail{Key: key, Number: numeric.Round(v*1000) / 1000})
}

// Text adds an input in words to the last part; empty texts are left out.
func (s *Sheet) Text(key, v string) {
	if v == "" {
		return
	}
	s.last.Detail = append(s.last.Detail, decision.Detail{Key: key, Text: v, IsText: true})
}
