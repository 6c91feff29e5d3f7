package wire

import (
	"encoding/base64"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type mode uint8

const (
	modeData mode = iota // the object is data; attributes came from outside
	modeAny              // structured CloudEvent, or flat
)

// Members of the objects, as bits of a set that finds duplicates.
const (
	bitID = 1 << iota
	bitSource
	bitType
	bitTime
	bitSpec
	bitContentType
	bitData
	bitTenant
	bitUser
	bitSession
	bitDevice
	bitNetwork
	bitHTTP
	bitAction
	bitResource
	bitOutcome
	bitCount
	bitBytes
	bitAttributes
	bitChallenge
	bitReason
	bitEnforcement
	bitFeedback
	bitRoute
	bitResult
	bitSDK
)

// once notes a member and fails on the second one: two values for one field are a forger's tool.
func (sc *scanner) once(seen *uint32, bit uint32, field string) {
	if *seen&bit != 0 && sc.err == nil {
		sc.fail("duplicate member " + field)
	}
	*seen |= bit
}

func decodeJSON(s string, ev *riskdv1.Event, m mode) error {
	sc := scanner{s: s}
	if m == modeData {
		sc.data(ev)
	} else {
		sc.envelope(ev)
	}
	if sc.err == nil {
		sc.end()
	}
	return sc.err
}

// envelope reads a structured CloudEvent, or the flat form when there is no data member.
func (sc *scanner) envelope(ev *riskdv1.Event) {
	if !sc.open('{') {
		sc.wrong("event", "a JSON object")
		return
	}
	var seen uint32
	var contentType, encoded string
	form := formUnknown // until the first member that could belong to either
	for first := true; sc.more(&first, '}'); {
		switch k := sc.key(); k {
		case "id":
			sc.once(&seen, bitID, k)
			ev.Id = sc.text(k)
		case "source":
			sc.once(&seen, bitSource, k)
			ev.Source = sc.text(k)
		case "type":
			sc.once(&seen, bitType, k)
			ev.Type = sc.text(k)
		case "time":
			sc.once(&seen, bitTime, k)
			ev.TimeMs = sc.time(k)
		case "specversion":
			sc.once(&seen, bitSpec, k)
			if v := sc.text(k); v != "1.0" && sc.err == nil {
				sc.err = invalid(ReasonBadValue, "specversion: want 1.0")
			}
		case "datacontenttype":
			sc.once(&seen, bitContentType, k)
			contentType = MediaType(sc.text(k))
		case "data":
			sc.once(&seen, bitData, k)
			form = formEnvelope
			sc.data(ev)
		case "data_base64":
			sc.once(&seen, bitData, k)
			form = formEnvelope
			encoded = sc.text(k)
		default:
			if form == formUnknown {
				form = sc.lookAhead()
			}
			if form == formEnvelope { // an extension attribute
				sc.skip()
				continue
			}
			sc.member(k, ev, &seen)
		}
	}
	if encoded != "" && sc.err == nil {
		sc.err = unpack(encoded, contentType, ev)
	}
}

// lookAhead tells a structured event from a flat one by whether a data member follows.
func (sc *scanner) lookAhead() form {
	rest := *sc
	rest.skip()
	for first := false; rest.more(&first, '}'); {
		if k := rest.key(); k == "data" || k == "data_base64" {
			return formEnvelope
		}
		rest.skip()
	}
	return formData
}

// unpack reads data_base64: protobuf, or JSON written as bytes. The envelope's attributes win.
func unpack(encoded, contentType string, ev *riskdv1.Event) error {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return invalid(ReasonMalformed, "data_base64: not base64")
	}
	id, source, typ, ms := ev.Id, ev.Source, ev.Type, ev.TimeMs
	switch formOf(Envelope{ContentType: contentType, ID: id, Type: typ, Source: source}, raw) {
	case formProtobuf:
		p := Parsed{Event: ev}
		if err := p.protobuf(raw); err != nil {
			return err
		}
		p.Whole()
	case formData, formEnvelope:
		if err := decodeJSON(string(raw), ev, modeData); err != nil {
			return err
		}
	default:
		return invalid(ReasonContentType, "datacontenttype: want application/protobuf or application/json")
	}
	ev.Id, ev.Source, ev.Type = id, source, typ
	if ms != 0 {
		ev.TimeMs = ms
	}
	return nil
}

func (sc *scanner) data(ev *riskdv1.Event) {
	if !sc.open('{') {
		sc.wrong("data", "a JSON object")
		return
	}
	var seen uint32
	for first := true; sc.more(&first, '}'); {
		sc.member(sc.key(), ev, &seen)
	}
}

// member reads one member of data; unknown ones are passed over.
func (sc *scanner) member(k string, ev *riskdv1.Event, seen *uint32) {
	switch k {
	case "tenant_id":
		sc.once(seen, bitTenant, k)
		ev.TenantId = sc.text(k)
	case "user":
		sc.once(seen, bitUser, k)
		sc.user(ev)
	case "session":
		sc.once(seen, bitSession, k)
		sc.session(ev)
	case "device":
		sc.once(seen, bitDevice, k)
		sc.device(ev)
	case "network":
		sc.once(seen, bitNetwork, k)
		sc.network(ev)
	case "http":
		sc.once(seen, bitHTTP, k)
		sc.http(ev)
	case "action":
		sc.once(seen, bitAction, k)
		ev.Action = sc.text(k)
	case "resource":
		sc.once(seen, bitResource, k)
		sc.resource(ev)
	case "outcome":
		sc.once(seen, bitOutcome, k)
		ev.Outcome = sc.text(k)
	case "count":
		sc.once(seen, bitCount, k)
		ev.Count = uint32(sc.whole(k, MaxCount))
	case "bytes":
		sc.once(seen, bitBytes, k)
		ev.Bytes = sc.whole(k, 1<<64-1)
	case "attributes":
		sc.once(seen, bitAttributes, k)
		sc.attributes(ev)
	case "challenge_id":
		sc.once(seen, bitChallenge, k)
		ev.ChallengeId = sc.text(k)
	case "reason":
		sc.once(seen, bitReason, k)
		ev.Reason = sc.text(k)
	case "enforcement":
		sc.once(seen, bitEnforcement, k)
		sc.enforcement(ev, seen)
	case "route", "result", "sdk":
		// A receipt's fields may stand beside challenge_id. In other events these names mean
		// nothing: Validate forgets them, and a value of another type is no error.
		if c := sc.peek(); c != '"' && c != 'n' {
			sc.skip()
			return
		}
		sc.receipt(k, ev, seen)
	case "feedback":
		sc.once(seen, bitFeedback, k)
		sc.feedback(ev)
	default:
		sc.skip()
	}
}
