package wire

import "github.com/riskd-io/riskd/pkg/risk/event"

// protobuf reads the fields of an event into Event, whose texts are then cut out of data, and its attributes into Attributes. It is the generated
// reader by hand, for three reasons: attributes need no map, fields of newer schemas are passed over and not kept, and most numbers before a
// field have one byte. Fields that were there before and are not in data stay.
func (p *Parsed) protobuf(b []byte) error {
	ev := p.Event
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			ev.Id, at = textAt(b, at)
		case 2<<3 | asText:
			ev.Source, at = textAt(b, at)
		case 3<<3 | asText:
			ev.Type, at = textAt(b, at)
		case 4<<3 | asNumber:
			var ms uint64
			ms, at = numberAt(b, at)
			ev.TimeMs = int64(ms)
		case 5<<3 | asText:
			ev.TenantId, at = textAt(b, at)
		case 6<<3 | asText:
			at = readUser(b, at, made(&ev.User))
		case 7<<3 | asText:
			at = readSession(b, at, made(&ev.Session))
		case 8<<3 | asText:
			at = readDevice(b, at, made(&ev.Device))
		case 9<<3 | asText:
			at = readNetwork(b, at, made(&ev.Network))
		case 10<<3 | asText:
			at = readHTTP(b, at, made(&ev.Http))
		case 11<<3 | asText:
			ev.Action, at = textAt(b, at)
		case 12<<3 | asText:
			at = readResource(b, at, made(&ev.Resource))
		case 13<<3 | asText:
			ev.Outcome, at = textAt(b, at)
		case 14<<3 | asNumber:
			ev.Count, at = smallAt(b, at)
		case 15<<3 | asNumber:
			ev.Bytes, at = numberAt(b, at)
		case 16<<3 | asText:
			var a event.Attribute
			a, at = readAttribute(b, at)
			p.attribute(a)
		case 17<<3 | asText:
			ev.ChallengeId, at = textAt(b, at)
		case 18<<3 | asText:
			ev.Reason, at = textAt(b, at)
		case 19<<3 | asText:
			at = readEnforcement(b, at, made(&ev.Enforcement))
		case 20<<3 | asText:
			at = readFeedback(b, at, made(&ev.Feedback))
		default:
			at = pass(b, at, key, 20)
		}
		if at < 0 {
			return invalid(ReasonMalformed, "protobuf: cut, or a field is written in another way than the schema says")
		}
	}
	return nil
}

// made is the message at, which is made when there is none.
func made[T any](at **T) *T {
	if *at == nil {
		*at = new(T)
	}
	return *at
}
