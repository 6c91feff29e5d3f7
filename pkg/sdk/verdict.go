package sdk

import (
	"math"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// State is what a session owes.
type State uint8

// The states of a session.
const (
	// Unknown means that the guard cannot say: it never read the bucket to the end, the session's entry
	// cannot be read, or there are more flags than it may hold. It is not Clear.
	Unknown State = iota
	// Clear sessions owe nothing.
	Clear
	// Required sessions owe the proof that [Verdict.Requirement] names.
	Required
	// Denied sessions may do nothing more.
	Denied
)

// String is the state as logs and receipts write it.
func (s State) String() string {
	return [...]string{"unknown", "clear", "required", "denied"}[s]
}

// Never is the staleness of a guard that never knew anything.
const Never = time.Duration(math.MaxInt64)

// Verdict answers [Guard.Check]. It is a small value; what it points to never changes.
type Verdict struct {
	State State

	flag  *flag
	heard int64 // see Guard.heard
}

// flag is one session's entry in the bucket, read once and shared by all verdicts.
type flag struct {
	tenant, session string
	hash            uint64
	sequence        uint64 // of the entry in the bucket
	state           State
	signal          *riskdv1.Signal // nil when the entry could not be read
	requirement     Requirement
	scope           *scope // nil: the whole session
}

// On narrows the verdict to one thing: a requirement that is about something else does not hold it up. It allocates
// nothing. Denied and unknown sessions are so for everything.
func (v Verdict) On(action string, r Resource) Verdict {
	if v.State == Required && v.flag != nil && !v.flag.scope.covers(action, r) {
		return Verdict{State: Clear, heard: v.heard}
	}
	return v
}

// Requirement is what the user has to prove.
type Requirement struct {
	// ACR lists authentication context classes, any of which is enough. Do not change it.
	ACR []string
	// AMR lists acceptable methods; empty means any. Do not change it.
	AMR []string
	// MaxAge of the proof. 0 means newer than the challenge.
	MaxAge time.Duration
}

// Staleness is how long ago, now, the broker last proved that this answer is current; [Never] when it
// never did. It says nothing of the time riskd takes to reach a decision.
func (v Verdict) Staleness() time.Duration {
	if v.heard == 0 {
		return Never
	}
	return time.Since(epoch) - time.Duration(v.heard)
}

// epoch is where the guards' clock starts: monotonic, so that a corrected wall clock changes nothing.
var epoch = time.Now()

// ChallengeID names the challenge; "" when there is none.
func (v Verdict) ChallengeID() string { return v.signal().GetChallengeId() }

// Revision of the challenge; 0 when there is none.
func (v Verdict) Revision() uint64 { return v.signal().GetRevision() }

// Requirement is what has to be proven; empty when nothing has.
func (v Verdict) Requirement() Requirement {
	if v.flag == nil {
		return Requirement{}
	}
	return v.flag.requirement
}

// Issued is when the challenge was raised; a proof has to be newer. Zero when there is none.
func (v Verdict) Issued() time.Time { return instant(v.signal().GetIssuedAtMs()) }

// Expires is when the challenge can no longer be answered. Zero when there is none.
func (v Verdict) Expires() time.Time { return instant(v.signal().GetExpiresAtMs()) }

// UserReason may be shown to the user. It never tells what was noticed.
func (v Verdict) UserReason() string { return v.signal().GetReasonUser() }

// Revoked tells of a denied session that it was revoked, by a rule or by an analyst: the application should end it, so that
// the user logs in anew, rather than only refuse it.
func (v Verdict) Revoked() bool {
	switch v.signal().GetCause() {
	case "session_revoked", "feedback_revoke_session", "still_revoked":
		return v.State == Denied
	}
	return false
}

func (v Verdict) signal() *riskdv1.Signal {
	if v.flag == nil {
		return nil
	}
	return v.flag.signal
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// newFlag reads a signal into the form that Check hands out.
func newFlag(tenant, session string, sequence uint64, pb *riskdv1.Signal) *flag {
	f := &flag{tenant: tenant, session: session, sequence: sequence, signal: pb}
	switch {
	case pb == nil:
		f.state = Unknown
	case pb.State == "required":
		f.state = Required
	case pb.State == "denied", pb.State == "expired" && pb.OnExpiry != "allow":
		f.state = Denied
	case pb.State == "satisfied", pb.State == "cancelled", pb.State == "expired":
		f.state = Clear
	default:
		f.state = Unknown
	}
	if r := pb.GetRequire(); r != nil {
		f.requirement = Requirement{ACR: r.AcrValues, AMR: r.AmrValues, MaxAge: time.Duration(r.MaxAgeS) * time.Second}
	}
	if f.state == Required && len(pb.Also) == 0 { // what several users owe in one session is not worth telling apart
		f.scope = newScope(pb.Scope)
	}
	return f
}
