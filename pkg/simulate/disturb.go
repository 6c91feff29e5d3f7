package simulate

import (
	"strconv"
	"strings"
)

// Bad is an input that is wrong on purpose: what real producers send on a bad day.
type Bad struct {
	// Why names the fault: malformed, oversized, wrong_type, missing_field, future_time.
	Why string
	// ContentType as the producer claims it.
	ContentType string
	Data        []byte
}

// BadInputs makes one of each kind of wrong input for this tenant and user. nowMS is the wall
// clock, Unix milliseconds: one of the inputs is dated far after it.
func BadInputs(seed uint64, tenant, user string, nowMS int64) []Bad {
	r := newRNG(seed, 0xBAD)
	id := func() string { return "bad-" + hex(r.next(), 16) }
	event := func(id, time, rest string) []byte {
		return []byte(`{"id":"` + id + `","source":"//` + tenant + `/apps/portal","type":"dev.riskd.activity.v1","time":"` + time +
			`","tenant_id":"` + tenant + `","user":{"id":"` + user + `"},` + rest + `}`)
	}
	now := rfc3339(nowMS - 60_000)
	const okay = `"action":"resource.read","outcome":"success"`
	return []Bad{
		{"malformed", "application/json", []byte(`{"id":"` + id() + `","source":`)},
		{"malformed", "application/protobuf", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 'x'}},
		{"oversized", "application/json", event(id(), now, okay+`,"attributes":{"note":"`+strings.Repeat("x", 70<<10)+`"}`)},
		{"wrong_type", "application/json", event(id(), now, `"action":7,"outcome":"success"`)},
		{"missing_field", "application/json", event(id(), now, `"outcome":"success"`)},
		{"unknown_type", "application/json", []byte(strings.Replace(string(event(id(), now, okay)), "activity.v1", "gossip.v9", 1))},
		{"future_time", "application/json", event(id(), rfc3339(nowMS+3*day), okay)},
		{"wrong_type", "application/json", []byte(`[` + strconv.Itoa(r.below(1000)) + `]`)},
	}
}
