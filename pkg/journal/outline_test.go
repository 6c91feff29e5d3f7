package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// decided is a record of n decisions, whose outlines are those of each.
func decided(n int, each func(i int) *riskdv1.Decision) *riskdv1.JournalRecord {
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: 3, Policy: "p1", Baseline: "b1", Geo: "g1", Engine: "e1"}
	for i := range n {
		d := each(i)
		d.EventId, d.TenantId, d.UserId, d.SessionId, d.TimeMs = fmt.Sprint("event-", i), "acme", "ann", "s1", int64(1000*i)
		d.Policy, d.Baseline, d.Geo, d.Engine = rec.Policy, rec.Baseline, rec.Geo, rec.Engine
		rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_SCORED, Input: uint64(i + 1), Decision: d,
			Event: &riskdv1.Event{Id: d.EventId, TenantId: "acme", TimeMs: d.TimeMs, User: &riskdv1.User{Id: "ann"}, Session: &riskdv1.Session{Id: "s1"}}})
	}
	return rec
}

// usual is one of three decisions, with numbers of its own.
func usual(i int) *riskdv1.Decision {
	d := &riskdv1.Decision{Risk: float64(i), Level: "low", Action: "allow", SessionState: "clear", Scores: &riskdv1.Scores{NewDevice: 0.5 * float64(i)},
		Parts: []*riskdv1.Part{{Code: "prior", Nats: -7}, {Code: "known_network", Nats: -0.001 * float64(i), Detail: []*riskdv1.Detail{
			{Key: "address_logins", Value: &riskdv1.Detail_Number{Number: float64(i)}}, {Key: "from", Value: &riskdv1.Detail_Text{Text: fmt.Sprint("place ", i%5)}}, {Key: "nothing"}}}}}
	switch i % 3 {
	case 1:
		d.Unknown = []string{"geo", "asn"}
	case 2:
		d.Level, d.Action, d.SessionState, d.Parts = "high", "step_up", "required", d.Parts[:1]
	}
	return d
}

func roundTrip(t *testing.T, rec *riskdv1.JournalRecord) (stored []byte) {
	t.Helper()
	stored, err := Append(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(3, 1, stored)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got.Record, rec) {
		t.Fatalf("got %v, want %v", got.Record, rec)
	}
	return stored
}

// write writes all of a record but its end; before is how many bytes there are before its decisions.
func write(w *Writer, rec *riskdv1.JournalRecord) (before int) {
	w.Begin(rec, len(rec.Entries))
	for _, e := range rec.Entries {
		w.Add(e, nil)
	}
	before = len(w.c.b)
	for i, e := range rec.Entries {
		w.Decide(i, e.Decision)
	}
	return before
}

func TestAnOutlineIsWrittenOnce(t *testing.T) {
	w := NewWriter()
	size := func(n int) int {
		rec := decided(n, usual)
		before := write(w, rec)
		roundTrip(t, rec)
		return len(w.c.b) - before
	}
	first, more := size(30), size(60)
	if each := (more - first) / 30; each > 24 {
		t.Errorf("a decision whose outline is there already has %d bytes, and there are at most five numbers and a text in it", each)
	}
	if again := size(30); again != first {
		t.Errorf("the same record has %d bytes of decisions at first and %d when the writer knows its outlines", first, again)
	}
	if w.c.outlined.taken != 3 {
		t.Errorf("the writer keeps %d outlines, want 3", w.c.outlined.taken)
	}
}

// Neither many outlines nor large ones may make a record grow in memory, and the reader has to count as the writer does.
func TestOutlinesBeyondTheBoundsAreWrittenEachTime(t *testing.T) {
	many := func(i int) *riskdv1.Decision {
		d := usual(i)
		d.Level = fmt.Sprint("level ", i%(maxOutlines+44)) // a multiple of usual's three
		return d
	}
	large := func(i int) *riskdv1.Decision {
		d := usual(i)
		for k := range maxNames {
			d.Unknown = append(d.Unknown, fmt.Sprint("input ", k+i))
		}
		return d
	}
	long := func(i int) *riskdv1.Decision {
		d := usual(i)
		d.Parts[0].Code = fmt.Sprint(strings.Repeat("long ", maxNameBytes/5), i%50)
		return d
	}
	w := NewWriter()
	for name, each := range map[string]func(int) *riskdv1.Decision{"many": many, "large": large, "long": long, "both": func(i int) *riskdv1.Decision {
		switch {
		case i%7 == 0:
			return large(i)
		case i%11 == 0:
			return long(i)
		}
		return many(i)
	}} {
		rec := decided(3*maxOutlines, each)
		stored := roundTrip(t, rec)
		for round := range 4 { // the writer has a history now, of which the bytes tell nothing
			write(w, rec)
			if again, err := w.Append(nil); err != nil || !bytes.Equal(again, stored) {
				t.Fatalf("%s: the same record has other bytes: %v", name, err)
			}
			if n := w.c.outlined; n.taken > outlineSlots/2+maxOutlines || n.used > maxOutlines {
				t.Fatalf("%s: %d outlines are kept, %d of them the record's", name, n.taken, n.used)
			}
			for _, o := range w.c.outlined.slots {
				if o != nil && len(o.parts[0].code) > maxNameBytes {
					t.Fatalf("%s: a name of %d bytes is kept", name, len(o.parts[0].code))
				}
			}
			write(w, decided(maxOutlines, func(i int) *riskdv1.Decision { d := usual(i); d.Action = fmt.Sprint("action ", 1000*round+i); return d }))
		}
	}
}

// The record was written before decisions had outlines; what is in journals stays readable.
func TestRecordsWithoutOutlinesAreRead(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("testdata", "before-outlines.record"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(3, 1, stored)
	if err != nil {
		t.Fatal(err)
	}
	if want := decided(9, usual); !proto.Equal(got.Record, want) {
		t.Fatalf("got %v, want %v", got.Record, want)
	}
}

func TestAFalseOutlineIsRefused(t *testing.T) {
	c := coder{b: []byte{7}, reading: true}
	if c.referred(); c.err == nil {
		t.Error("the seventh outline of none was found")
	}
	c = coder{b: append([]byte{0, wordNone, wordNone, wordNone, 1, wordNone, 1, wordNone, 3}, strings.Repeat("\x00", 9)...), reading: true}
	if c.referred(); c.err == nil {
		t.Error("a value of kind 3 was taken")
	}
}
