package policy

import (
	"errors"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
)

// Judge holds conditions in a language that the core does not know. It must be deterministic, without clock and I/O, and
// safe for concurrent use.
type Judge interface {
	// Judge appends the rules that apply to hits, in the order of the policy. It keeps nothing of f.
	Judge(f *Facts, hits []decision.Hit) []decision.Hit
	// Digest names the rules with all they refer to; it becomes part of the policy's version.
	Digest() []byte
	// ReasonUser is what a rule tells the user; "" when it says nothing of its own.
	ReasonUser(rule string) string
}

// Counting is a judge whose rules count events in windows.
type Counting interface {
	Judge
	// Counters lists what it counts, at most [profile.MaxCounters]; the slice is not changed.
	Counters() []Counter
	// Amounts appends what an event adds to each counter.
	Amounts(f *Facts, amounts []uint64) []uint64
}

// Counter is one thing that is counted. Equal keys count the same, in whatever version of a policy.
type Counter struct {
	Key uint32
	// Window in seconds.
	Window uint32
}

// WithRules returns the policy with rules beside its thresholds, under a version of its own. A policy has at most
// one judge.
func (p *Policy) WithRules(j Judge) (*Policy, error) {
	if j == nil || p.judge != nil {
		return nil, errors.New("adding rules: want one judge, on a policy without")
	}
	q := *p
	q.judge = j
	return &q, q.seal()
}

// Judge of the policy's rules, nil when it has none.
func (p *Policy) Judge() Judge { return p.judge }

// ReasonUser is what to tell the user who is asked because of a rule.
func (p *Policy) ReasonUser(rule string) string {
	if p.judge != nil && rule != "" {
		if text := p.judge.ReasonUser(rule); text != "" {
			return text
		}
	}
	return p.StepUp.ReasonUser
}

// Never is the age of a proof that was not given, seconds.
const Never = int64(1) << 31

// Facts is what rules may know of one activity event: as things stand after it was scored and before it is decided.
type Facts struct {
	Event *event.Event
	// Decision holds risk, scores, parts and what was unknown.
	Decision *decision.Decision
	Session  SessionFacts
	Profile  ProfileFacts
	// Counters of a [Counting] judge, in its order, this event included.
	Counters []uint64
}

// SessionFacts is what is known of the event's session from before the event.
type SessionFacts struct {
	// State is clear, required, satisfied, denied or expired.
	State string
	// New tells that the session begins with this event.
	New bool
	// Level is the strongest proof that counts in this browser, 0..3, and ProofAge its age in seconds; Never
	// when there is none.
	Level    uint8
	ProofAge int64
	// Age and Idle are seconds since the session began, and since its last event.
	Age, Idle int64
	// What differs from the session's last event. What is unknown on either side does not differ.
	IPChanged, NetworkChanged, CountryChanged, BrowserChanged, DeviceChanged bool
}

// ProfileFacts is what is known of the user.
type ProfileFacts struct {
	// Events and Logins seen so far; this event is counted in Events.
	Events, Logins uint32
	// AgeDays since the first event, IdleDays since the last one before this.
	AgeDays, IdleDays float64
	// Failures is how many logins failed lately: each counts half after 15 minutes.
	Failures float64
	// Recent is how many actions the user did in this window of ten minutes, this event not counted.
	Recent uint32
	// Prompts is how many challenges were passed in the policy's friction window.
	Prompts int
	// Sessions are those remembered, this one included.
	Sessions int
	// What has been learned of this event's surroundings.
	DeviceKnown, CountryKnown, NetworkKnown bool
}

// WithoutRules returns the policy's settings alone, under their own version.
func (p *Policy) WithoutRules() *Policy {
	q := *p
	q.judge = nil
	if err := q.seal(); err != nil {
		panic("policy: a sealed policy is broken: " + err.Error())
	}
	return &q
}
