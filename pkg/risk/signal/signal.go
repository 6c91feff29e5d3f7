// Package signal is the step-up flag as apps see it: one challenge of one session, in revisions.
package signal

import "github.com/riskd-io/riskd/pkg/risk/event"

// State of a challenge.
type State string

// The states. Required and Denied block; the others do not.
const (
	Required  State = "required"
	Satisfied State = "satisfied"
	Denied    State = "denied"
	Cancelled State = "cancelled"
	Expired   State = "expired"
)

// Signal is one revision of a challenge. The highest Revision per ChallengeID wins.
type Signal struct {
	ChallengeID string
	Revision    uint64
	Tenant      string
	User        string
	Session     string
	State       State
	// Score is the risk 0..100 that raised it.
	Score         float64
	Level         string
	PreviousLevel string
	// Reasons are part codes, strongest first. Never shown to the user.
	Reasons []string
	Require Requirement
	// Scope is what a required or denied state is about. Zero: the whole session.
	Scope Scope
	// Issued, Expires and At (this revision) are event time.
	Issued, Expires, At event.Millis
	// OnExpiry is "deny" or "allow".
	OnExpiry      string
	PolicyID      string
	PolicyVersion string
	Rule          string
	EventID       string
	// ReasonUser may be shown to the user.
	ReasonUser string
	// Cause of this revision: a part code, stepup_completed, weak_acr, stale_auth_time, ...
	Cause string
}

// Requirement is what has to be proven.
type Requirement struct {
	ACR []string
	AMR []string
	// MaxAgeSeconds of the proof; 0 means newer than Issued.
	MaxAgeSeconds uint32
}
