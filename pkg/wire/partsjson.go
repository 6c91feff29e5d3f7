package wire

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// object enters a member that is an object; null counts as absent.
func (sc *scanner) object(field string) bool {
	if sc.null() {
		return false
	}
	if !sc.open('{') {
		sc.wrong(field, "an object")
		return false
	}
	return true
}

// part returns *p, made when there is none yet.
func part[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

func (sc *scanner) user(ev *riskdv1.Event) {
	if !sc.object("user") {
		return
	}
	u, seen := part(&ev.User), uint32(0)
	for first := true; sc.more(&first, '}'); {
		switch sc.key() {
		case "id":
			sc.once(&seen, 1, "user.id")
			u.Id = sc.text("user.id")
		case "kind":
			sc.once(&seen, 2, "user.kind")
			u.Kind = sc.text("user.kind")
		default:
			sc.skip()
		}
	}
}

func (sc *scanner) session(ev *riskdv1.Event) {
	if !sc.object("session") {
		return
	}
	s, seen := part(&ev.Session), uint32(0)
	for first := true; sc.more(&first, '}'); {
		switch sc.key() {
		case "id":
			sc.once(&seen, 1, "session.id")
			s.Id = sc.text("session.id")
		case "auth_time":
			sc.once(&seen, 2, "session.auth_time")
			s.AuthTimeMs = sc.authTime()
		case "acr":
			sc.once(&seen, 4, "session.acr")
			s.Acr = sc.text("session.acr")
		case "amr":
			sc.once(&seen, 8, "session.amr")
			sc.methods(s)
		default:
			sc.skip()
		}
	}
}

func (sc *scanner) methods(s *riskdv1.Session) {
	if sc.null() {
		return
	}
	if !sc.open('[') {
		sc.wrong("session.amr", "an array of strings")
		return
	}
	for first := true; sc.more(&first, ']'); {
		if len(s.Amr) > MaxAMRCount { // one too many is enough for Validate
			sc.skip()
			continue
		}
		if sc.peek() != '"' {
			sc.wrong("session.amr", "an array of strings")
			return
		}
		s.Amr = append(s.Amr, sc.quoted())
	}
}

func (sc *scanner) device(ev *riskdv1.Event) {
	if !sc.object("device") {
		return
	}
	d, seen := part(&ev.Device), uint32(0)
	for first := true; sc.more(&first, '}'); {
		if sc.key() != "id" {
			sc.skip()
			continue
		}
		sc.once(&seen, 1, "device.id")
		d.Id = sc.text("device.id")
	}
}

func (sc *scanner) http(ev *riskdv1.Event) {
	if !sc.object("http") {
		return
	}
	h, seen := part(&ev.Http), uint32(0)
	for first := true; sc.more(&first, '}'); {
		if sc.key() != "user_agent" {
			sc.skip()
			continue
		}
		sc.once(&seen, 1, "http.user_agent")
		h.UserAgent = sc.text("http.user_agent")
	}
}

func (sc *scanner) resource(ev *riskdv1.Event) {
	if !sc.object("resource") {
		return
	}
	r, seen := part(&ev.Resource), uint32(0)
	for first := true; sc.more(&first, '}'); {
		switch sc.key() {
		case "type":
			sc.once(&seen, 1, "resource.type")
			r.Type = sc.text("resource.type")
		case "id":
			sc.once(&seen, 2, "resource.id")
			r.Id = sc.text("resource.id")
		case "sensitivity":
			sc.once(&seen, 4, "resource.sensitivity")
			r.Sensitivity = sc.text("resource.sensitivity")
		default:
			sc.skip()
		}
	}
}

func (sc *scanner) attributes(ev *riskdv1.Event) {
	if !sc.object("attributes") {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, 4)
	}
	for first := true; sc.more(&first, '}'); {
		k := sc.key()
		if _, dup := ev.Attributes[k]; dup {
			sc.fail("duplicate member in attributes")
			return
		}
		if sc.null() {
			continue
		}
		v := sc.text("attributes values")
		if len(ev.Attributes) <= MaxAttributes { // one too many is enough for Validate
			ev.Attributes[k] = v
		}
	}
}

func (sc *scanner) enforcement(ev *riskdv1.Event, seen *uint32) {
	if !sc.object("enforcement") {
		return
	}
	for first := true; sc.more(&first, '}'); {
		switch k := sc.key(); k {
		case "route", "result", "sdk":
			sc.receipt(k, ev, seen)
		default:
			sc.skip()
		}
	}
}

func (sc *scanner) receipt(k string, ev *riskdv1.Event, seen *uint32) {
	e := part(&ev.Enforcement)
	switch k {
	case "route":
		sc.once(seen, bitRoute, k)
		e.Route = sc.text("enforcement.route")
	case "result":
		sc.once(seen, bitResult, k)
		e.Result = sc.text("enforcement.result")
	case "sdk":
		sc.once(seen, bitSDK, k)
		e.Sdk = sc.text("enforcement.sdk")
	}
}

func (sc *scanner) feedback(ev *riskdv1.Event) {
	if !sc.object("feedback") {
		return
	}
	f, seen := part(&ev.Feedback), uint32(0)
	for first := true; sc.more(&first, '}'); {
		switch sc.key() {
		case "event_id":
			sc.once(&seen, 1, "feedback.event_id")
			f.EventId = sc.text("feedback.event_id")
		case "verdict":
			sc.once(&seen, 2, "feedback.verdict")
			f.Verdict = sc.text("feedback.verdict")
		case "author":
			sc.once(&seen, 4, "feedback.author")
			f.Author = sc.text("feedback.author")
		default:
			sc.skip()
		}
	}
}
