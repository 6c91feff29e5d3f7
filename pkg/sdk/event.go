package sdk

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Version is this SDK as enforcement receipts name it.
const Version = "riskd-go/0.1.0"

// Event types.
const (
	TypeActivity        = "dev.riskd.activity.v1"
	TypeStepUpStarted   = "dev.riskd.stepup.started.v1"
	TypeStepUpCompleted = "dev.riskd.stepup.completed.v1"
	TypeStepUpFailed    = "dev.riskd.stepup.failed.v1"
	TypeStepUpDenied    = "dev.riskd.stepup.denied.v1"
	TypeStepUpAbandoned = "dev.riskd.stepup.abandoned.v1"
	TypeEnforcement     = "dev.riskd.enforcement.v1"
	TypeFeedback        = "dev.riskd.feedback.v1"
)

// Outcome is how an action ended.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess Outcome = "success"
	OutcomeFailure Outcome = "failure"
	// OutcomeDenied means that the application refused it.
	OutcomeDenied Outcome = "denied"
	// OutcomeChallenged means that it was stopped until the user proves more.
	OutcomeChallenged Outcome = "challenged"
)

// Sensitivity is how much harm a resource can do in the wrong hands.
type Sensitivity string

// The sensitivities, least first. Empty is unknown.
const (
	Public     Sensitivity = "public"
	Internal   Sensitivity = "internal"
	Restricted Sensitivity = "restricted"
	Critical   Sensitivity = "critical"
)

// Bounds of what a caller may put into an event. Longer values are refused, not cut, except
// where noted.
const (
	MaxID             = 128 // bytes, of a tenant, user or session
	MaxEventID        = 256 // bytes, of an event or a challenge
	MaxSource         = 256 // bytes
	MaxAction         = 64  // bytes
	MaxACR            = 128 // bytes
	MaxAttributes     = 16
	MaxAttributeKey   = 64  // bytes
	MaxAttributeValue = 256 // bytes
	MaxDevice         = 256 // bytes; cut
	MaxResource       = 256 // bytes, of a type or an id; cut
	MaxReason         = 256 // bytes; cut
	MaxUserAgent      = 512 // bytes; cut
)

// ErrInvalidEvent is what [Client.Report] returns, wrapped, for an event that riskd could not accept.
var ErrInvalidEvent = errors.New("invalid event")

// Event is one thing a user did. Required are User.ID, Action and Outcome, and a tenant here or in
// the client. What is left empty is unknown to riskd, which is not the same as zero.
type Event struct {
	// ID with the client's source is the event's identity: a second one with both equal changes
	// nothing. Empty means a fresh UUIDv7.
	ID string
	// Type is one of the Type constants. Empty means TypeActivity.
	Type string
	// Time is when it happened. Zero means now.
	Time time.Time
	// Tenant defaults to the client's.
	Tenant  string
	User    User
	Session EventSession
	// Device is the token the application gave this browser or installation.
	Device    string
	IP        netip.Addr
	RTT       time.Duration
	UserAgent string
	// Action is a dotted verb: auth.login, resource.read, resource.export, apikey.create, ...
	Action   string
	Resource Resource
	Outcome  Outcome
	// Count is how many equal actions this event stands for. 0 means 1.
	Count uint32
	// Bytes moved by the action.
	Bytes uint64
	// Attributes are the application's own facts: at most MaxAttributes short strings.
	Attributes map[string]string

	// ChallengeID is what a step-up result, a receipt or feedback is about.
	ChallengeID string
	// Reason of a failure, in words. Never a secret.
	Reason string

	enforcement *riskdv1.Enforcement
}

// User is whose event it is.
type User struct {
	ID string
	// Kind is person (also when empty), service or agent.
	Kind string
}

// EventSession is the login an event belongs to and what it had proven by then.
type EventSession struct {
	// ID is an opaque handle or an HMAC, never the cookie itself.
	ID       string
	AuthTime time.Time
	ACR      string
	AMR      []string
}

// Resource is what was acted on.
type Resource struct {
	Type, ID    string
	Sensitivity Sensitivity
}

// newID makes a UUIDv7: time-ordered, so that a ledger stays readable.
func newID(now time.Time) string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // documented never to fail
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(u[:6], ms[2:])
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], u[0:4])
	hex.Encode(out[9:13], u[4:6])
	hex.Encode(out[14:18], u[6:8])
	hex.Encode(out[19:23], u[8:10])
	hex.Encode(out[24:36], u[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// wire checks e and writes it as riskd's message. Source, tenant and now fill what e leaves open.
func (e *Event) wire(source, tenant string, now time.Time) (*riskdv1.Event, error) {
	pb := &riskdv1.Event{
		Id: e.ID, Source: source, Type: e.Type, TenantId: e.Tenant,
		User: &riskdv1.User{Id: e.User.ID, Kind: e.User.Kind}, Action: e.Action, Outcome: string(e.Outcome),
		Count: e.Count, Bytes: e.Bytes, Attributes: maps.Clone(e.Attributes),
		ChallengeId: e.ChallengeID, Reason: cut(e.Reason, MaxReason), Enforcement: e.enforcement,
	}
	if pb.Type == "" {
		pb.Type = TypeActivity
	}
	if pb.TenantId == "" {
		pb.TenantId = tenant
	}
	at := e.Time
	if at.IsZero() {
		at = now
	}
	pb.TimeMs = at.UnixMilli()
	if pb.Id == "" {
		pb.Id = newID(at)
	}
	if s := e.Session; s.ID != "" || s.ACR != "" || len(s.AMR) > 0 || !s.AuthTime.IsZero() {
		pb.Session = &riskdv1.Session{Id: s.ID, Acr: s.ACR, Amr: slices.Clone(s.AMR), AuthTimeMs: millis(s.AuthTime)}
	}
	if e.Device != "" {
		pb.Device = &riskdv1.Device{Id: cut(e.Device, MaxDevice)}
	}
	if e.IP.IsValid() || e.RTT > 0 {
		pb.Network = &riskdv1.Network{RttMs: uint32(min(max(e.RTT, 0), time.Minute).Milliseconds())}
		if e.IP.IsValid() {
			pb.Network.Ip = e.IP.Unmap().WithZone("").String()
		}
	}
	if e.UserAgent != "" {
		pb.Http = &riskdv1.Http{UserAgent: cut(e.UserAgent, MaxUserAgent)}
	}
	if r := e.Resource; r != (Resource{}) {
		pb.Resource = &riskdv1.Resource{Type: cut(r.Type, MaxResource), Id: cut(r.ID, MaxResource), Sensitivity: string(r.Sensitivity)}
	}
	return pb, checkWire(pb)
}

func checkWire(pb *riskdv1.Event) error {
	for _, f := range [...]struct {
		name, value string
		required    bool
		most        int
	}{
		{"tenant", pb.TenantId, true, MaxID}, {"user.id", pb.User.Id, true, MaxID}, {"action", pb.Action, true, MaxAction},
		{"id", pb.Id, true, MaxEventID}, {"session.id", pb.GetSession().GetId(), false, MaxID},
		{"session.acr", pb.GetSession().GetAcr(), false, MaxACR}, {"challenge_id", pb.ChallengeId, false, MaxEventID},
	} {
		if f.required && f.value == "" {
			return fmt.Errorf("%w: %s is missing", ErrInvalidEvent, f.name)
		}
		if len(f.value) > f.most {
			return fmt.Errorf("%w: %s is longer than %d bytes", ErrInvalidEvent, f.name, f.most)
		}
	}
	switch Outcome(pb.Outcome) {
	case OutcomeSuccess, OutcomeFailure, OutcomeDenied, OutcomeChallenged:
	default:
		return fmt.Errorf("%w: outcome %q is none of success, failure, denied, challenged", ErrInvalidEvent, pb.Outcome)
	}
	if len(pb.Attributes) > MaxAttributes {
		return fmt.Errorf("%w: %d attributes, at most %d", ErrInvalidEvent, len(pb.Attributes), MaxAttributes)
	}
	for k, v := range pb.Attributes {
		if k == "" || len(k) > MaxAttributeKey || len(v) > MaxAttributeValue {
			return fmt.Errorf("%w: attribute %.32q is unnamed or too long", ErrInvalidEvent, k)
		}
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
