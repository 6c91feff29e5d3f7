// Package decision is the record of one judgement: the risk, the parts that add up to it, the
// action, and every version that took part.
package decision

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// Status tells what became of an event.
type Status uint8

// Every event ends in exactly one of these (or is dead-lettered before or by the engine).
const (
	Scored Status = iota + 1
	// Duplicate is a second event with the same source and id; nothing changed.
	Duplicate
	// Late is an event beyond the lateness bound; stored, not scored.
	Late
	// Dead is an event the engine refuses; Reason says why.
	Dead
)

// Action is what the app has to do.
type Action string

// Actions, mildest first.
const (
	Allow  Action = "allow"
	StepUp Action = "step_up"
	Deny   Action = "deny"
)

// Decision is what Step concluded. Reuse one value per worker: Reset keeps its memory.
type Decision struct {
	Status Status
	// Reason is a stable code when Status is Late or Dead.
	Reason string

	EventID, Tenant, User, Session string
	Time                           event.Millis

	// Risk 0..100, recomputable from Parts to the last digit.
	// Level, action and state, and what names evidence (Code, Key, Unknown), are the engine's own texts or the policy's and never an event's: they outlive the
	// decision, while an event may lie in memory that others come into.
	Risk   float64
	Level  string // low | medium | high
	Action Action
	Scores Scores
	Parts  []Part
	// Unknown names the inputs that were missing.
	Unknown []string

	ChallengeID string
	// SessionState is clear, required, satisfied, denied or expired.
	SessionState string
	Rule         string
	// Hits are the policy's rules that applied, in its order, those that are only tried included.
	Hits []Hit

	// PeakFrom and PeakTo tell the adaptive threshold of the session's highest risk before and after the event: hundredths
	// plus one, 0 for none. Both are 0 when there is nothing new, or the policy has no adaptive threshold.
	PeakFrom, PeakTo uint32

	Policy, Baseline, Geo, Engine string

	// Signals this event caused, in order.
	Signals []signal.Signal
}

// Scores are the three headline scores, each 0..100.
type Scores struct {
	ImpossibleTravel, NewDevice, Deviation float64
}

// Part is one named piece of evidence.
type Part struct {
	Code string
	// Nats is the log-likelihood ratio; negative speaks for the owner.
	Nats   float64
	Detail []Detail
}

// Effect is what a rule wants.
type Effect uint8

// Effects of rules.
const (
	// NotifyEffect records that the rule applied, and lets apps know.
	NotifyEffect Effect = iota + 1
	// AllowEffect raises no challenge for risk alone, short of severe.
	AllowEffect
	// StepUpEffect wants proof.
	StepUpEffect
	// DenyEffect shuts the session.
	DenyEffect
	// RevokeEffect shuts the session and has apps end it.
	RevokeEffect
	// FailedEffect marks a rule whose condition could not be evaluated; it did not apply.
	FailedEffect
)

// Hit is one rule that applied.
type Hit struct {
	Rule   string
	Effect Effect
	// Shadow hits are recorded and change nothing.
	Shadow bool
	// Level and MaxAge (seconds) of the proof that a step-up wants, and the methods that give it (space separated; "": any).
	Level  uint8
	MaxAge uint32
	AMR    string
	// Scope is what waits for that proof.
	Scope Scope
}

// Detail is one input of a part. Text is used when Key names words, Number otherwise.
type Detail struct {
	Key    string
	Number float64
	Text   string
	IsText bool
}

// Reset clears d for the next event and keeps its slices' memory.
func (d *Decision) Reset() {
	*d = Decision{Parts: d.Parts[:0], Unknown: d.Unknown[:0], Hits: d.Hits[:0], Signals: d.Signals[:0]}
}
