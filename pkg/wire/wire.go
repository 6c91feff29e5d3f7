// Package wire turns bytes from outside into checked events, and events, decisions and signals
// into bytes. It reads CloudEvents 1.0 (binary mode with protobuf or JSON data, structured JSON,
// JSON batches) and riskd's flat JSON line; it writes the JSON forms of the contract, always the
// same bytes for the same value.
//
// It decides what is well-formed and bounded, never what is risky, and it does no look-ups.
//
// Functions are safe for concurrent use. An event filled by [DecodeInto] or [Parsed.Decode] aliases the bytes it was
// decoded from: they must not change while the event, or anything taken from it, is in use.
//
// Who may make riskd blind: text that the end user chooses freely (user agent, resource, reason)
// is cut at its bound and repaired, because refusing it would let an attacker stay unseen by
// sending too much of it. Identities, enumerations and addresses come from the app and are refused
// when they are wrong.
package wire

import (
	"errors"
	"unsafe"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Envelope holds the CloudEvents attributes that travelled outside the payload (NATS and HTTP
// headers `ce-*`, Kafka headers `ce_*`). Empty means absent. Present attributes win over the
// payload's own. Values may be percent-encoded, as the bindings ask.
type Envelope struct {
	// ContentType of the payload; parameters are ignored. Empty: told from the first byte.
	ContentType string
	ID          string
	Source      string
	Type        string
	// Time is RFC 3339.
	Time string
}

// Stable reasons of [Invalid]. They are shown to publishers and stored with dead letters.
const (
	// ReasonMalformed: not readable as any accepted form, or a field of the wrong JSON type.
	ReasonMalformed = "malformed"
	// ReasonMissingField: a required field is absent or empty.
	ReasonMissingField = "missing_field"
	// ReasonBadValue: a field's value is outside what the contract allows.
	ReasonBadValue = "bad_value"
	// ReasonUnknownType: the CloudEvents type is none of riskd's.
	ReasonUnknownType = "unknown_type"
	// ReasonTooLarge: the event, an identity or the attributes exceed their bound.
	ReasonTooLarge = "too_large"
	// ReasonFutureTime: the event's time lies too far ahead of the receiver's clock.
	ReasonFutureTime = "future_time"
	// ReasonContentType: the payload's media type is not accepted.
	ReasonContentType = "unsupported_content_type"
)

// Invalid says why bytes are not an event. It is returned as *Invalid; use errors.As or [Reason].
type Invalid struct {
	// Reason is one of the stable codes above.
	Reason string
	// Detail is for people. It names the field and never repeats its value.
	Detail string
}

// Error implements error.
func (e *Invalid) Error() string {
	if e.Detail == "" {
		return "invalid event: " + e.Reason
	}
	return "invalid event: " + e.Reason + ": " + e.Detail
}

// Reason returns the stable code of err, or [ReasonMalformed] for any other error.
func Reason(err error) string {
	var inv *Invalid
	if errors.As(err, &inv) {
		return inv.Reason
	}
	return ReasonMalformed
}

func invalid(reason, detail string) error { return &Invalid{Reason: reason, Detail: detail} }

// Decode reads ONE event in any accepted form and checks required fields and bounds. The result
// shares no memory with data. Errors are *[Invalid].
func Decode(env Envelope, data []byte) (*riskdv1.Event, error) {
	ev := new(riskdv1.Event)
	if err := tooLarge(data); err != nil {
		return nil, err
	}
	own := make([]byte, len(data))
	copy(own, data)
	if err := DecodeInto(env, own, ev); err != nil {
		return nil, err
	}
	return ev, nil
}

// DecodeInto is Decode into memory that is used again: ev is new or came out of a Decode, and its strings
// alias data (and env). On error ev holds no meaning. The hot path has [Parsed.Decode].
func DecodeInto(env Envelope, data []byte, ev *riskdv1.Event) error {
	p := borrow(ev)
	defer p.giveBack()
	if err := p.Decode(env, data); err != nil {
		return err
	}
	p.Whole()
	return nil
}

// DecodeJSON reads one CloudEvents structured JSON object, or the flat form in which id, source,
// type and time stand beside the fields of data. The result shares no memory with line.
func DecodeJSON(line []byte) (*riskdv1.Event, error) {
	if err := tooLarge(line); err != nil {
		return nil, err
	}
	ev := new(riskdv1.Event)
	if err := decodeJSON(string(line), ev, modeAny); err != nil {
		return nil, err
	}
	if err := Validate(ev); err != nil {
		return nil, err
	}
	return ev, nil
}

func tooLarge(data []byte) error {
	if len(data) > MaxEventBytes {
		return invalid(ReasonTooLarge, "event exceeds 64 KiB")
	}
	return nil
}

// alias views b as a string; the caller promises not to change b.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
