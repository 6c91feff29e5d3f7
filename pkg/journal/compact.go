package journal

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/reflect/protoreflect"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// compactAll is whether the compact form knows every field that an entry can have.
var compactAll = sync.OnceValue(func() bool {
	for _, d := range entryMessages() {
		if d.Fields().Len() != known[string(d.Name())] {
			return false
		}
	}
	return true
})

// entryMessages are the messages within an entry, itself included; signals are stored whole.
func entryMessages() (out []protoreflect.MessageDescriptor) {
	seen := map[protoreflect.FullName]bool{(*riskdv1.Signal)(nil).ProtoReflect().Descriptor().FullName(): true}
	var visit func(d protoreflect.MessageDescriptor)
	visit = func(d protoreflect.MessageDescriptor) {
		if d == nil || d.IsMapEntry() || seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		out = append(out, d)
		for i := range d.Fields().Len() {
			visit(d.Fields().Get(i).Message())
		}
	}
	visit((*riskdv1.JournalEntry)(nil).ProtoReflect().Descriptor())
	return out
}

// The compact form of a record: length and protobuf of the record without its entries, then in one S2 block
//
//	number of entries; for each: what there is (event 1, enrichment 2), input, those two
//	decisions in any order; for each: which entry's, and the decision: its outline (outline.go, outlined.go), and the numbers and texts within it
//	statuses, as runs of equal ones
//	for each entry with more to say: which, and reason, detail, raw
//
// A record whose events were judged at several times says all of this again for each time. Which entry is meant counts within the piece;
// texts are those of the whole record. Empty messages are left out, and what a decision repeats of its event is said once.
const (
	hasEvent = 1 << iota
	hasEnrichment
	hasBoth = hasEvent | hasEnrichment
)

// readCompact reads what a Writer wrote, in one piece or several. The record's texts are cut out of one buffer that nobody else has.
func readCompact(stored []byte, several bool) (*riskdv1.JournalRecord, error) {
	n, k := binary.Uvarint(stored)
	if k <= 0 || n > uint64(len(stored)-k) {
		return nil, errCut
	}
	rec := new(riskdv1.JournalRecord)
	if err := rec.UnmarshalVT(stored[k : k+int(n)]); err != nil {
		return nil, err
	}
	block := stored[k+int(n):]
	size, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if size > MaxRecord || size > len(block)*maxRatio {
		return nil, fmt.Errorf("%d bytes in a block of %d", size, len(block))
	}
	buf, err := s2.Decode(make([]byte, size), block)
	if err != nil {
		return nil, err
	}
	c := coder{b: buf, all: unsafe.String(unsafe.SliceData(buf), len(buf)), reading: true}
	// Memory is taken as entries turn out to be there: a false number of them costs nothing.
	mem := new(slab)
	for {
		if err := c.piece(rec, mem); err != nil {
			return nil, err
		}
		if !several || len(c.b) == 0 {
			break
		}
	}
	if c.err == nil && len(c.b) > 0 {
		c.err = fmt.Errorf("%d bytes too many", len(c.b))
	}
	return rec, c.err
}

// piece reads the next piece of a record.
func (c *coder) piece(rec *riskdv1.JournalRecord, mem *slab) error {
	from := len(rec.Entries)
	for range c.count(0) {
		e := mem.entries.next()
		rec.Entries = append(rec.Entries, e)
		if c.input(e, mem); c.err != nil {
			return c.err
		}
	}
	entries := rec.Entries[from:]
	for e := range c.those(entries) {
		e.Decision = mem.decisions.next()
		c.decision(e.Decision, e.Event, rec, mem)
	}
	c.statuses(entries)
	for e := range c.those(entries) {
		c.more(e)
	}
	return c.err
}

// input is one entry without decision and status.
func (c *coder) input(e *riskdv1.JournalEntry, mem *slab) {
	m := on(e.Event != nil, 0) | on(e.Enrichment != nil, 1)
	if c.u(&m); m > hasBoth {
		c.fail(errRange)
		return
	}
	at := int64(e.Input)
	c.step(&at, &c.at)
	e.Input = uint64(at)
	if m&hasEvent != 0 {
		if c.reading {
			e.Event = mem.events.next()
		}
		c.event(e.Event, mem)
	}
	if m&hasEnrichment != 0 {
		if c.reading {
			e.Enrichment = mem.enrichments.next()
		}
		c.enrichment(e.Enrichment, mem)
	}
}

// those reads a list of entries, each as the distance from the one before; 0 ends it.
func (c *coder) those(entries []*riskdv1.JournalEntry) iter.Seq[*riskdv1.JournalEntry] {
	return func(yield func(*riskdv1.JournalEntry) bool) {
		for n := int64(nowhere); ; {
			var d int64
			if c.z(&d); c.err != nil || d == 0 {
				return
			}
			if n += d; n < 0 || n >= int64(len(entries)) {
				c.fail(errRange)
				return
			}
			if !yield(entries[n]) {
				return
			}
		}
	}
}

// nowhere is where a list of entries begins.
const nowhere = -1

// more is what only entries that were not scored have to say.
func (c *coder) more(e *riskdv1.JournalEntry) {
	c.text(&e.Reason)
	c.text(&e.Detail)
	c.bytes(&e.Raw)
}

// statuses reads or writes runs of equal ones. Duplicates have no event: one that was written is dropped.
func (c *coder) statuses(entries []*riskdv1.JournalEntry) {
	for i := 0; i < len(entries); {
		status, run := uint64(entries[i].Status), 1
		for !c.reading && i+run < len(entries) && entries[i+run].Status == entries[i].Status {
			run++
		}
		left := uint64(run)
		c.u(&status)
		c.u(&left)
		if c.err == nil && (left == 0 || left > uint64(len(entries)-i) || status > math.MaxInt32) {
			c.fail(errRange)
		}
		if c.err != nil {
			return
		}
		for range left {
			e := entries[i]
			e.Status = riskdv1.JournalEntry_Status(status)
			if c.reading && e.Status == riskdv1.JournalEntry_STATUS_DUPLICATE {
				e.Event, e.Enrichment = nil, nil
			}
			i++
		}
	}
}

// maxRatio bounds how much larger than its block a record may be: S2 cannot do better than this by far.
const maxRatio = 1 << 16
