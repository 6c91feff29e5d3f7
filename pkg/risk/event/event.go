// Package event says what happened: one login, activity, step-up result, receipt or feedback,
// already decoded, checked and enriched. It is not a wire format; package wire reads those.
//
// Values are plain data; nothing here is safe for concurrent mutation.
package event

import "net/netip"

// Millis is a point in event time, Unix milliseconds UTC. 0 is unknown.
type Millis int64

// Type is the kind of an event.
type Type uint8

// The event types, and their CloudEvents names (prefix dev.riskd., suffix .v1).
const (
	Activity         Type = iota + 1 // activity
	StepUpStarted                    // stepup.started
	StepUpCompleted                  // stepup.completed
	StepUpFailed                     // stepup.failed
	StepUpDenied                     // stepup.denied
	StepUpAbandoned                  // stepup.abandoned
	EnforcementEvent                 // enforcement
	FeedbackEvent                    // feedback
)

// Outcome is how the action ended.
type Outcome uint8

// Outcomes. Zero is not valid in a decoded event.
const (
	Success Outcome = iota + 1
	Failure
	Denied
	Challenged
)

// UserKind tells people from machines; they are judged by their own rules.
type UserKind uint8

// User kinds. Zero is a person.
const (
	Person UserKind = iota
	Service
	Agent
)

// NetworkKind is what sort of network an address belongs to.
type NetworkKind uint8

// Network kinds. Zero is unknown.
const (
	NetUnknown NetworkKind = iota
	Residential
	Mobile
	Hosting
	VPN
	Relay
	Satellite
)

// Sensitivity is the class of a resource. Zero is unknown.
type Sensitivity uint8

// Sensitivities, least first.
const (
	SensUnknown Sensitivity = iota
	Public
	Internal
	Restricted
	Critical
)

// Event is one enriched event.
type Event struct {
	ID, Source string
	Type       Type
	Time       Millis
	// Received is when the broker took it. It bounds future-dated events; scoring uses Time.
	Received Millis
	// StepUpAt is the adaptive threshold in force, risk 0..100; 0 is none.
	StepUpAt float64

	Tenant  string
	User    User
	Session Session
	// Device is the token the app gave this browser or installation; "" is unknown.
	Device  string
	Network Network
	Agent   AgentInfo

	Action   string
	Resource Resource
	Outcome  Outcome
	// Count is how many equal actions this stands for; at least 1.
	Count uint32
	// Bytes moved by the action.
	Bytes      uint64
	Attributes []Attribute // sorted by key, at most 16

	// ChallengeID is what a step-up result, receipt or feedback is about.
	ChallengeID string
	// Reason in the reporter's words.
	Reason      string
	Enforcement Enforcement
	Feedback    Feedback
	Crowd       Crowd
}

// User is whose event it is.
type User struct {
	ID   string
	Kind UserKind
}

// Session is the login the event belongs to, and what it has proven so far.
type Session struct {
	ID       string
	AuthTime Millis
	ACR      string
	AMR      []string
}

// Network is where the event came from.
type Network struct {
	IP netip.Addr // zero Addr is unknown
	// RTT in milliseconds; 0 is unknown.
	RTT   uint32
	Place Place
	ASN   uint32 // 0 is unknown
	ASOrg string
	Kind  NetworkKind
}

// Place is a position with its uncertainty.
type Place struct {
	// Known tells whether Lat and Lon mean anything.
	Known    bool
	Lat, Lon float64 // degrees
	// RadiusKM holds the device with 67 % confidence; 0 is unknown.
	RadiusKM float64
	Country  string // ISO 3166-1 alpha-2; "" is unknown
	City     string
}

// AgentInfo is the parsed user agent; empty strings are unknown.
type AgentInfo struct {
	// Raw is the header as sent.
	Raw          string
	Browser      string
	BrowserMajor uint32
	OS           string
	OSMajor      uint32
	// Class is desktop, phone, tablet, bot or other.
	Class string
}

// Resource is what was acted on.
type Resource struct {
	Type, ID    string
	Sensitivity Sensitivity
}

// Attribute is one of the app's own facts about the event.
type Attribute struct{ Key, Value string }

// Enforcement is an app's receipt.
type Enforcement struct {
	Route string
	// Result is shown, passed, allowed, denied, fail_open or stale.
	Result string
	SDK    string
}

// Feedback is a judgement by the user or an analyst.
type Feedback struct {
	EventID string
	// Verdict is legitimate, attack, end_challenge or revoke_session.
	Verdict string
	Author  string
}

// Crowd counts other users on the same network or device in the hour before the event.
type Crowd struct {
	IPFailedUsers, IPUsers, DeviceUsers, IPFailures uint32
}
