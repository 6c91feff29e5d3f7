package wire

import (
	"net/netip"
	"strings"
	"sync"

	"github.com/riskd-io/riskd/pkg/risk/event"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Parsed is an event that was read, and what was found out on the way and its fields do not say, so that nobody looks for it again. It is what
// the hot path has in place of an event alone. Its memory is used again: give it an Event once, then Decode one message after the other.
type Parsed struct {
	// Event has all fields but the attributes, which are only below.
	Event *riskdv1.Event
	// Attributes are sorted by their keys.
	Attributes []event.Attribute
	// Addr is where the event came from; the zero Addr when it does not say.
	Addr netip.Addr

	typ         event.Type
	outcome     event.Outcome
	user        event.UserKind
	sensitivity event.Sensitivity
	network     event.NetworkKind
}

// Decode is [DecodeInto] for the hot path. On error the event holds no meaning.
func (p *Parsed) Decode(env Envelope, data []byte) error {
	recycle(p.Event)
	p.Attributes = p.Attributes[:0]
	if err := tooLarge(data); err != nil {
		return err
	}
	switch formOf(env, data) {
	case formProtobuf:
		if err := p.protobuf(data); err != nil {
			return err
		}
	case formData:
		if err := p.json(data, modeData); err != nil {
			return err
		}
	case formEnvelope:
		if err := p.json(data, modeAny); err != nil {
			return err
		}
	default:
		return invalid(ReasonContentType, "want application/protobuf, application/json or application/cloudevents+json")
	}
	if err := applyEnvelope(env, p.Event); err != nil {
		return err
	}
	return p.check()
}

func (p *Parsed) json(data []byte, mode mode) error {
	if err := decodeJSON(alias(data), p.Event, mode); err != nil {
		return err
	}
	p.gather()
	clear(p.Event.Attributes)
	return nil
}

// parse finds out what check does, of an event that was checked before. Errors are *[Invalid], and mean that it was not.
func (p *Parsed) parse() error {
	p.gather()
	if err := p.parseType(); err != nil {
		return err
	}
	if err := p.parseOutcome(); err != nil {
		return err
	}
	if err := p.parseUser(); err != nil {
		return err
	}
	if err := p.parseResource(); err != nil {
		return err
	}
	return p.parseNetwork()
}

// Whole puts the attributes into the event too, which then has all that was sent.
func (p *Parsed) Whole() *riskdv1.Event {
	if len(p.Attributes) > 0 && p.Event.Attributes == nil {
		p.Event.Attributes = make(map[string]string, len(p.Attributes))
	}
	for _, a := range p.Attributes {
		p.Event.Attributes[a.Key] = a.Value
	}
	return p.Event
}

// gather takes the attributes from the event.
func (p *Parsed) gather() {
	for k, v := range p.Event.Attributes {
		p.attribute(event.Attribute{Key: k, Value: v})
	}
}

// attribute adds one where it belongs; of two with one key the later one holds. One too many is kept, and is enough for check.
func (p *Parsed) attribute(a event.Attribute) {
	all := p.Attributes
	at := len(all)
	for ; at > 0; at-- {
		order := strings.Compare(all[at-1].Key, a.Key)
		if order == 0 {
			all[at-1] = a
			return
		}
		if order < 0 {
			break
		}
	}
	if len(all) > MaxAttributes {
		return
	}
	all = append(all, a)
	copy(all[at+1:], all[at:])
	all[at] = a
	p.Attributes = all
}

// parsers lend what they know, and their memory for attributes to those who want an event alone.
var parsers = sync.Pool{New: func() any { return &Parsed{Attributes: make([]event.Attribute, 0, MaxAttributes+1)} }}

func borrow(ev *riskdv1.Event) *Parsed {
	p := parsers.Get().(*Parsed)
	p.Event = ev
	return p
}

func (p *Parsed) giveBack() {
	clear(p.Attributes)
	p.Event, p.Attributes = nil, p.Attributes[:0]
	parsers.Put(p)
}

// The parse functions read the texts that stand for one of few values.

func (p *Parsed) parseType() error {
	var ok bool
	if p.typ, ok = ParseType(p.Event.Type); !ok {
		return invalid(ReasonUnknownType, "type is none of dev.riskd.*.v1")
	}
	return nil
}

func (p *Parsed) parseOutcome() error {
	var ok bool
	if p.outcome, ok = parseOutcome(p.Event.Outcome); !ok {
		if p.Event.Outcome == "" {
			return invalid(ReasonMissingField, "outcome")
		}
		return invalid(ReasonBadValue, "outcome: want success, failure, denied or challenged")
	}
	return nil
}

func (p *Parsed) parseUser() error {
	var ok bool
	if p.user, ok = parseUserKind(p.Event.User.GetKind()); !ok {
		return invalid(ReasonBadValue, "user.kind: want person, service or agent")
	}
	return nil
}

func (p *Parsed) parseResource() error {
	var ok bool
	if p.sensitivity, ok = parseSensitivity(p.Event.Resource.GetSensitivity()); !ok {
		return invalid(ReasonBadValue, "resource.sensitivity: want public, internal, restricted or critical")
	}
	return nil
}

func (p *Parsed) parseNetwork() error {
	p.Addr = netip.Addr{}
	n := p.Event.Network
	if ip := n.GetIp(); ip != "" {
		var ok bool
		if p.Addr, ok = ParseIP(ip); !ok {
			return invalid(ReasonBadValue, "network.ip: want an IPv4 or IPv6 address without zone or port")
		}
	}
	return readKind(n.GetKind(), &p.network)
}

func readKind(name string, kind *event.NetworkKind) error {
	var ok bool
	if *kind, ok = ParseNetworkKind(name); !ok {
		return invalid(ReasonBadValue, "network.kind: want residential, mobile, hosting, vpn, relay or satellite")
	}
	return nil
}
