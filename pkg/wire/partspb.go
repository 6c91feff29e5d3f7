package wire

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// The messages within an event. Each reader takes the field of all that begins at from, and returns where the next one begins, or fault.

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
