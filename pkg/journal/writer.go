package journal

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Writer encodes a record while what it holds is still in the processor's cache, in one or more pieces: Begin, the entries, their
// decisions in any order; Next, the entries and decisions of the next piece; and so on, then Append. It is reused from
// record to record; not safe for concurrent use.
type Writer struct {
	c    coder
	rec  *riskdv1.JournalRecord
	from int   // first entry of the piece
	last int64 // entry of the decision before, within the piece
	head []byte
	// general is set when the compact form cannot hold the record.
	general bool
}

// leastTable is for how many entries a record's table of texts is made at least, lest it is too small for the pieces to come.
const leastTable = 16

// NewWriter makes a writer; it keeps up to 128 KiB beside the memory of its largest record.
func NewWriter() *Writer { return new(Writer) }

// Begin forgets the record before and begins rec, whose first piece will have n entries. What rec says of the whole may be filled in
// later: its versions (policy, baseline, geo, engine) before Decide, all else before Append.
func (w *Writer) Begin(rec *riskdv1.JournalRecord, n int) {
	c := &w.c
	c.empty(max(n, leastTable))
	c.b, c.err = c.b[:0], nil
	c.at, c.time, c.received = 0, 0, 0
	w.rec, w.general = rec, !compactAll()
	w.begin(0, n)
}

// Next ends the piece that the record's entries end with now, and begins another one of n entries behind it. They have to be among the
// record's before the first is decided.
func (w *Writer) Next(n int) {
	w.end()
	w.begin(len(w.rec.Entries), n)
}

func (w *Writer) begin(from, n int) {
	w.from, w.last = from, nowhere
	w.c.count(n)
}

// end writes what is known of a piece's entries when all of them are decided.
func (w *Writer) end() {
	if w.general {
		return
	}
	c, piece := &w.c, w.rec.Entries[w.from:]
	c.count(0) // of the decisions: no more
	c.statuses(piece)
	last := int64(nowhere)
	for i, e := range piece {
		if e.Reason != "" || e.Detail != "" || len(e.Raw) > 0 {
			n := int64(i)
			c.step(&n, &last)
			c.more(e)
		}
	}
	c.count(0)
}

// Add writes the next entry's input, event and enrichment, in the order of the record. p has the event's attributes; it is nil when the event
// has them itself.
func (w *Writer) Add(e *riskdv1.JournalEntry, p *wire.Parsed) {
	c := &w.c
	switch {
	case p == nil || e.Event == nil:
	case w.general:
		p.Whole()
	default:
		c.attrs = p.Attributes
	}
	if !w.general {
		c.input(e, nil)
	}
	c.attrs = nil
}

// Decide writes the decision of entry i of the record, whose event is as it was added. Each entry has at most one.
func (w *Writer) Decide(i int, d *riskdv1.Decision) {
	e := w.rec.Entries[i]
	if w.general {
		e.Decision = proto.CloneOf(d)
		return
	}
	n := int64(i - w.from)
	w.c.step(&n, &w.last)
	w.c.decision(d, e.Event, w.rec, nil)
}

// Append ends the record and appends its stored bytes to dst. The entries' statuses, reasons, details and raw bytes are read
// when their piece ends; a duplicate's event is not kept. Equal records in equal pieces give equal bytes.
func (w *Writer) Append(dst []byte) ([]byte, error) {
	rec, c := w.rec, &w.c
	if w.general {
		return appendGeneral(dst, rec)
	}
	w.end()
	if c.err == nil && len(c.b) > MaxRecord {
		c.err = fmt.Errorf("%d bytes exceed the limit of %d", len(c.b), MaxRecord)
	}
	if c.err != nil {
		return dst, fmt.Errorf("encoding journal record: %w", c.err)
	}

	entries := rec.Entries
	rec.Entries = nil
	size := rec.SizeVT()
	if cap(w.head) < size {
		w.head = make([]byte, size+size/4)
	}
	w.head = w.head[:size]
	_, err := rec.MarshalToSizedBufferVT(w.head)
	rec.Entries = entries
	if err != nil {
		return dst, fmt.Errorf("encoding journal record: %w", err)
	}
	form := byte(formatCompact)
	if w.from > 0 { // there is a piece before the last one
		form = formatPieces
	}
	dst = append(binary.AppendUvarint(append(dst, form), uint64(size)), w.head...)
	at := len(dst)
	if need := at + s2.MaxEncodedLen(len(c.b)); need > cap(dst) {
		dst = append(make([]byte, 0, need+need/8), dst...)
	}
	return dst[:at+len(s2.Encode(dst[at:cap(dst)], c.b))], nil
}

var writers = sync.Pool{New: func() any { return NewWriter() }}

// release keeps the writer's memory, unless one huge record made it huge, and nothing of the record.
func (w *Writer) release() {
	w.rec = nil
	if cap(w.c.b) <= 4<<20 {
		writers.Put(w)
	}
}
