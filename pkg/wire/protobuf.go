package wire

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

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

func readUser(all []byte, from int, u *riskdv1.User) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			u.Id, at = textAt(b, at)
		case 2<<3 | asText:
			u.Kind, at = textAt(b, at)
		default:
			at = pass(b, at, key, 2)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readSession(all []byte, from int, s *riskdv1.Session) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			s.Id, at = textAt(b, at)
		case 2<<3 | asNumber:
			var ms uint64
			ms, at = numberAt(b, at)
			s.AuthTimeMs = int64(ms)
		case 3<<3 | asText:
			s.Acr, at = textAt(b, at)
		case 4<<3 | asText:
			var m string
			m, at = textAt(b, at)
			s.Amr = append(s.Amr, m)
		default:
			at = pass(b, at, key, 4)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readDevice(all []byte, from int, d *riskdv1.Device) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			d.Id, at = textAt(b, at)
		default:
			at = pass(b, at, key, 1)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readNetwork(all []byte, from int, n *riskdv1.Network) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			n.Ip, at = textAt(b, at)
		case 2<<3 | asNumber:
			n.RttMs, at = smallAt(b, at)
		case 3<<3 | asText:
			at = readGeo(b, at, made(&n.Geo))
		case 4<<3 | asNumber:
			n.Asn, at = smallAt(b, at)
		case 5<<3 | asText:
			n.AsOrg, at = textAt(b, at)
		case 6<<3 | asText:
			n.Kind, at = textAt(b, at)
		default:
			at = pass(b, at, key, 6)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readGeo(all []byte, from int, g *riskdv1.Geo) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asEight:
			g.Lat, at = floatAt(b, at)
		case 2<<3 | asEight:
			g.Lon, at = floatAt(b, at)
		case 3<<3 | asEight:
			g.AccuracyKm, at = floatAt(b, at)
		case 4<<3 | asText:
			g.Country, at = textAt(b, at)
		case 5<<3 | asText:
			g.City, at = textAt(b, at)
		case 6<<3 | asNumber:
			var yes uint64
			yes, at = numberAt(b, at)
			g.AtOrigin = yes != 0
		default:
			at = pass(b, at, key, 6)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readHTTP(all []byte, from int, h *riskdv1.Http) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			h.UserAgent, at = textAt(b, at)
		default:
			at = pass(b, at, key, 1)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readResource(all []byte, from int, r *riskdv1.Resource) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			r.Type, at = textAt(b, at)
		case 2<<3 | asText:
			r.Id, at = textAt(b, at)
		case 3<<3 | asText:
			r.Sensitivity, at = textAt(b, at)
		default:
			at = pass(b, at, key, 3)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readAttribute(all []byte, from int) (a event.Attribute, next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			a.Key, at = textAt(b, at)
		case 2<<3 | asText:
			a.Value, at = textAt(b, at)
		default:
			at = pass(b, at, key, 2)
		}
		if at < 0 {
			return a, fault
		}
	}
	return a, next
}

func readEnforcement(all []byte, from int, e *riskdv1.Enforcement) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			e.Route, at = textAt(b, at)
		case 2<<3 | asText:
			e.Result, at = textAt(b, at)
		case 3<<3 | asText:
			e.Sdk, at = textAt(b, at)
		default:
			at = pass(b, at, key, 3)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}

func readFeedback(all []byte, from int, f *riskdv1.Feedback) (next int) {
	b, next := bytesAt(all, from)
	for at := 0; at < len(b); {
		var key uint64
		switch key, at = keyAt(b, at); key {
		case 1<<3 | asText:
			f.EventId, at = textAt(b, at)
		case 2<<3 | asText:
			f.Verdict, at = textAt(b, at)
		case 3<<3 | asText:
			f.Author, at = textAt(b, at)
		default:
			at = pass(b, at, key, 3)
		}
		if at < 0 {
			return fault
		}
	}
	return next
}
