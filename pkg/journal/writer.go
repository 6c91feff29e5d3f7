package journal

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/proto"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Writer encodes a record piece by piece, each while it is still in the processor's cache: first the entries, then the
// decisions in any order, then Append. It is reused from record to record; not safe for concurrent use.
type Writer struct {
	c    coder
	rec  *riskdv1.JournalRecord
	last int64 // entry of the decision before
	head []byte
	// general is set when the compact form cannot hold the record.
	general bool
}

// NewWriter makes a writer; it keeps up to 128 KiB beside the memory of its largest record.
func NewWriter() *Writer { return new(Writer) }

// Begin forgets the record before and begins rec, which will have n entries. What rec says of the whole may be filled in
// later: its versions (policy, baseline, geo, engine) before Decide, all else before Append.
func (w *Writer) Begin(rec *riskdv1.JournalRecord, n int) {
	c := &w.c
	c.empty(n)
	c.b, c.err = c.b[:0], nil
	c.at, c.time, c.received = 0, 0, 0
	w.rec, w.last, w.general = rec, nowhere, !compactAll()
	c.count(n)
}

// Add writes the next entry's input, event and enrichment, in the order of the record.
func (w *Writer) Add(e *riskdv1.JournalEntry) {
	if !w.general {
		w.c.input(e, nil)
	}
}

// Decide writes the decision of entry i of the record, whose event is as it was added. Each entry has at most one.
func (w *Writer) Decide(i int, d *riskdv1.Decision) {
	e := w.rec.Entries[i]
	if w.general {
		e.Decision = proto.CloneOf(d)
		return
	}
	n := int64(i)
	w.c.step(&n, &w.last)
	w.c.decision(d, e.Event, w.rec, nil)
}

// Append ends the record and appends its stored bytes to dst. The entries' statuses, reasons, details and raw bytes are read
// only now; a duplicate's event is not kept. Equal records give equal bytes.
func (w *Writer) Append(dst []byte) ([]byte, error) {
	rec, c := w.rec, &w.c
	if w.general {
		return appendGeneral(dst, rec)
	}
	c.count(0) // of the decisions: no more
	c.statuses(rec.Entries)
	last := int64(nowhere)
	for i, e := range rec.Entries {
		if e.Reason != "" || e.Detail != "" || len(e.Raw) > 0 {
			n := int64(i)
			c.step(&n, &last)
			c.more(e)
		}
	}
	c.count(0)
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
	dst = append(binary.AppendUvarint(append(dst, formatCompact), uint64(size)), w.head...)
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
