package journal

import (
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// outline is what a decision says beside its numbers: level, action and state, the names of its evidence and of what was unknown. Of some
// twenty names each, there are a few dozen in all, and five make nine decisions of ten. So a record holds each once, and its decisions refer
// to it: to find it again is one comparison of names.
type outline struct {
	level, action, state string
	parts                []outlinePart
	unknown              []string

	hash  uint32
	round uint32 // of the record that ref is for
	ref   uint32 // from 1 on
}

type outlinePart struct {
	code string
	keys []outlineKey
}

type outlineKey struct {
	name string
	kind uint64 // of the value: detailNone, detailNumber, detailText
}

const (
	// maxOutlines bounds those that a record's decisions refer to, maxNames and maxNameBytes what is in one of them: all others are written
	// out each time.
	maxOutlines, maxNames, maxNameBytes = 256, 64, 4 << 10
	// outlineSlots is a power of two; a record begins with at most half of them taken.
	outlineSlots = 4 * maxOutlines
)

// outlines are those of a writer's record, and what it knows of the records before: that saves making them again. The zero value has none.
type outlines struct {
	slots [outlineSlots]*outline // by hash, and then the next free one
	taken int
	round uint32
	used  uint32 // by the record
}

// next begins a record, in which no outline was written yet.
func (s *outlines) next() {
	if s.taken > outlineSlots/2 {
		*s = outlines{round: s.round}
	}
	s.round++
	s.used = 0
}

// find is the outline of a decision.
func (s *outlines) find(d *decision.Decision) *outline {
	h := uint32(len(d.Parts))
	for i := range d.Parts {
		h = (h*31+uint32(len(d.Parts[i].Code)))*31 + uint32(len(d.Parts[i].Detail))
	}
	h = hashEnd(h, len(d.Unknown), d.Level, string(d.Action), d.SessionState)
	at := h % outlineSlots
	for ; s.slots[at] != nil; at = (at + 1) % outlineSlots {
		if o := s.slots[at]; o.hash == h && o.is(d) {
			return o
		}
	}
	o := outlineOf(d)
	o.hash = h
	return s.keep(o, at)
}

// findSame is find for an outline that was made already.
func (s *outlines) findSame(o *outline) *outline {
	h := uint32(len(o.parts))
	for i := range o.parts {
		h = (h*31+uint32(len(o.parts[i].code)))*31 + uint32(len(o.parts[i].keys))
	}
	o.hash = hashEnd(h, len(o.unknown), o.level, o.action, o.state)
	at := o.hash % outlineSlots
	for ; s.slots[at] != nil; at = (at + 1) % outlineSlots {
		if s.slots[at].same(o) {
			return s.slots[at]
		}
	}
	return s.keep(o, at)
}

// hashEnd goes by lengths alone: what differs has mostly another number of names, and is compared anyway.
func hashEnd(h uint32, unknown int, level, action, state string) uint32 {
	h = (h*31+uint32(unknown))*31 + uint32(len(level))
	h = (h*31+uint32(len(action)))*31 + uint32(len(state))
	return h * 0x9e3779b1 >> 8
}

// keep puts an outline into a free slot, unless it is too large, or the record has as many as it may.
func (s *outlines) keep(o *outline, at uint32) *outline {
	if !o.fits() || s.used == maxOutlines {
		return o
	}
	s.slots[at] = o
	s.taken++
	return o
}

// fits tells that an outline is small enough to be kept.
func (o *outline) fits() bool {
	n, bytes := len(o.parts)+len(o.unknown), len(o.level)+len(o.action)+len(o.state)
	for i := range o.parts {
		p := &o.parts[i]
		n += len(p.keys)
		bytes += len(p.code)
		for j := range p.keys {
			bytes += len(p.keys[j].name)
		}
	}
	for _, u := range o.unknown {
		bytes += len(u)
	}
	return n <= maxNames && bytes <= maxNameBytes
}

// outlineOf keeps the names as they are given: the engine's and the policy's, which outlive the decision. So they are found again by where they lie, without a
// look at their letters.
func outlineOf(d *decision.Decision) *outline {
	o := &outline{level: d.Level, action: string(d.Action), state: d.SessionState, unknown: slices.Clone(d.Unknown)}
	for i := range d.Parts {
		p := outlinePart{code: d.Parts[i].Code}
		for j := range d.Parts[i].Detail {
			kind := uint64(detailNumber)
			if d.Parts[i].Detail[j].IsText {
				kind = detailText
			}
			p.keys = append(p.keys, outlineKey{d.Parts[i].Detail[j].Key, kind})
		}
		o.parts = append(o.parts, p)
	}
	return o
}

// outlineOfMessage is outlineOf for a decision as a message. It copies the names: they may lie in a record that was read.
func outlineOfMessage(d *riskdv1.Decision) *outline {
	o := &outline{level: strings.Clone(d.Level), action: strings.Clone(d.Action), state: strings.Clone(d.SessionState)}
	for _, from := range d.Parts {
		p := outlinePart{code: strings.Clone(from.Code)}
		for _, e := range from.Detail {
			p.keys = append(p.keys, outlineKey{strings.Clone(e.Key), kindOf(e)})
		}
		o.parts = append(o.parts, p)
	}
	for _, u := range d.Unknown {
		o.unknown = append(o.unknown, strings.Clone(u))
	}
	return o
}

// is tells that d has this outline.
func (o *outline) is(d *decision.Decision) bool {
	if len(o.parts) != len(d.Parts) || len(o.unknown) != len(d.Unknown) || o.level != d.Level || o.action != string(d.Action) || o.state != d.SessionState {
		return false
	}
	for i := range o.parts {
		p, q := &o.parts[i], &d.Parts[i]
		if len(p.keys) != len(q.Detail) || p.code != q.Code {
			return false
		}
		for j := range p.keys {
			k, e := &p.keys[j], &q.Detail[j]
			if k.name != e.Key || (k.kind == detailText) != e.IsText || k.kind == detailNone {
				return false
			}
		}
	}
	for i := range o.unknown {
		if o.unknown[i] != d.Unknown[i] {
			return false
		}
	}
	return true
}

func (o *outline) same(p *outline) bool {
	if o.hash != p.hash || len(o.parts) != len(p.parts) || len(o.unknown) != len(p.unknown) || o.level != p.level || o.action != p.action || o.state != p.state {
		return false
	}
	for i := range o.parts {
		if o.parts[i].code != p.parts[i].code || !slices.Equal(o.parts[i].keys, p.parts[i].keys) {
			return false
		}
	}
	return slices.Equal(o.unknown, p.unknown)
}
