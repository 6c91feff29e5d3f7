package profile

import "github.com/riskd-io/riskd/pkg/risk/event"

// Recent remembers which events were seen, for as long as a repeat could still be scored: beyond
// the lateness bound a repeat is late, which changes nothing either.
type Recent struct {
	ids   []uint64 // 40 bits of HashPair(source, id): among 256 one in four thousand million events is taken for a repeat
	times []event.Millis
}

const idMask = 1<<40 - 1

// Has reports whether the event was seen.
func (r *Recent) Has(id uint64) bool {
	id &= idMask
	ids := r.ids
	for ; len(ids) >= 4; ids = ids[4:] { // four at once: nearly every event looks at all of them
		if ids[0] == id || ids[1] == id || ids[2] == id || ids[3] == id {
			return true
		}
	}
	for _, have := range ids {
		if have == id {
			return true
		}
	}
	return false
}

// Len is how many identities are kept.
func (r *Recent) Len() int { return len(r.ids) }

// forgetAtOnce is how many of the first remembered go when there is no room, so that making room is rare.
const forgetAtOnce = MaxRecent / 8

// Add remembers an event of time t and forgets those before the given time; when full, those remembered first.
func (r *Recent) Add(id uint64, t, before event.Millis) {
	if len(r.times) > 0 && (r.times[0] < before || len(r.times) >= MaxRecent) {
		r.prune(before)
	}
	r.ids = append(r.ids, id&idMask)
	r.times = append(r.times, Seconds(t))
}

func (r *Recent) prune(before event.Millis) {
	n := 0
	for i := range r.ids {
		if r.times[i] >= before {
			r.ids[n], r.times[n] = r.ids[i], r.times[i]
			n++
		}
	}
	r.ids, r.times = r.ids[:n], r.times[:n]
	if n < MaxRecent {
		return
	}
	r.ids = append(r.ids[:0], r.ids[forgetAtOnce:]...)
	r.times = append(r.times[:0], r.times[forgetAtOnce:]...)
}
