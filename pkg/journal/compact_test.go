package journal

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/wire/wiretest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestTheCompactFormKnowsEveryField(t *testing.T) {
	for _, d := range entryMessages() {
		if got, want := d.Fields().Len(), known[string(d.Name())]; got != want {
			t.Errorf("%s has %d fields, the compact form writes %d: add the new one to fields.go or fields_event.go and to known; until then records take the slow form", d.Name(), got, want)
		}
	}
}

// values draws values of every kind from a few, so that texts repeat.
func values(t *rapid.T) func(protoreflect.FieldDescriptor) protoreflect.Value {
	return func(f protoreflect.FieldDescriptor) protoreflect.Value {
		switch f.Kind() {
		case protoreflect.StringKind:
			return protoreflect.ValueOfString(rapid.SampledFrom([]string{"a", "acme", "u:acme", "u:a", "a long text that is there more than once", "é",
				strings.Repeat("l", 127), strings.Repeat("l", 128), strings.Repeat("l", 300), "\x02l"}).Draw(t, "text"))
		case protoreflect.BytesKind:
			return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "bytes"))
		case protoreflect.DoubleKind:
			f := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{-1.234, 0.001, 51.5, 1e17, -3})).Draw(t, "number")
			return protoreflect.ValueOfFloat64(f + 0) // no negative zero: signals' protobuf code takes it for absent
		case protoreflect.Int64Kind:
			return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
		case protoreflect.Uint64Kind:
			return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
		case protoreflect.Uint32Kind:
			return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
		case protoreflect.BoolKind:
			return protoreflect.ValueOfBool(true)
		case protoreflect.EnumKind:
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(0, 4).Draw(t, "enum")))
		}
		panic(fmt.Sprintf("no values of kind %s", f.Kind()))
	}
}

func TestTheCompactFormKeepsEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := &riskdv1.JournalRecord{Kind: 2, Partition: 3, PrevHash: []byte{1, 2}, Policy: "a", Baseline: "a", Geo: "acme", Engine: "1"}
		all := rapid.Bool().Draw(t, "every field")
		for range rapid.IntRange(1, 4).Draw(t, "entries") {
			e := new(riskdv1.JournalEntry)
			wiretest.FillWith(e.ProtoReflect(), values(t), func(protoreflect.FieldDescriptor) bool { return all || rapid.IntRange(0, 2).Draw(t, "set") > 0 })
			if d := e.Decision; d != nil && rapid.Bool().Draw(t, "of its event") {
				d.EventId, d.TenantId, d.UserId, d.TimeMs = e.Event.GetId(), e.Event.GetTenantId(), e.Event.GetUser().GetId(), e.Event.GetTimeMs()
				d.Policy, d.Baseline, d.Geo, d.Engine = rec.Policy, rec.Baseline, rec.Geo, rec.Engine
				d.SessionId = rapid.SampledFrom([]string{e.Event.GetSession().GetId(), "u:" + d.UserId, "other"}).Draw(t, "session")
			}
			rec.Entries = append(rec.Entries, e)
		}
		b, err := Append(nil, rec)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Decode(3, 1, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range rec.Entries {
			if e.Status == riskdv1.JournalEntry_STATUS_DUPLICATE {
				e.Event, e.Enrichment = nil, nil
			}
		}
		withoutEmpty(rec.ProtoReflect())
		if !proto.Equal(s.Record, rec) {
			t.Fatalf("got %v, want %v", s.Record, rec)
		}
		again, err := Append(nil, s.Record)
		if err != nil {
			t.Fatal(err)
		}
		if s2, err := Decode(3, 1, again); err != nil || !proto.Equal(s.Record, s2.Record) {
			t.Fatalf("a decoded record does not survive another round: %v", err)
		}
	})
}

func TestARecordInPiecesIsTheSameRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := &riskdv1.JournalRecord{Kind: 2, Partition: 3, Policy: "a", Baseline: "a", Geo: "acme", Engine: "1"}
		for range rapid.IntRange(1, 8).Draw(t, "entries") {
			e := new(riskdv1.JournalEntry)
			wiretest.FillWith(e.ProtoReflect(), values(t), func(protoreflect.FieldDescriptor) bool { return rapid.IntRange(0, 2).Draw(t, "set") > 0 })
			rec.Entries = append(rec.Entries, e)
		}
		whole, err := Append(nil, rec)
		if err != nil {
			t.Fatal(err)
		}
		w, all, pieces := NewWriter(), rec.Entries, 0
		for at := 0; at < len(all); pieces++ {
			n := rapid.IntRange(1, len(all)-at).Draw(t, "piece")
			if pieces == 0 {
				w.Begin(rec, n)
			} else {
				w.Next(n)
			}
			rec.Entries = all[:at+n]
			for _, e := range all[at : at+n] {
				w.Add(e, nil)
			}
			for i := at + n - 1; i >= at; i-- { // in any order
				if all[i].Decision != nil {
					w.Decide(i, all[i].Decision)
				}
			}
			at += n
		}
		got, err := w.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Decode(3, 1, whole)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Decode(3, 1, got)
		if err != nil {
			t.Fatalf("%d pieces: %v", pieces, err)
		}
		if !proto.Equal(a.Record, b.Record) {
			t.Fatalf("%d pieces: got %v, want %v", pieces, b.Record, a.Record)
		}
		if several := got[0] == formatPieces; several != (pieces > 1) {
			t.Fatalf("format %d of %d pieces", got[0], pieces)
		}
		if pieces > 1 { // as one piece it has too much behind it
			if _, err := Decode(3, 1, append([]byte{formatCompact}, got[1:]...)); err == nil {
				t.Fatal("the pieces behind the first were left out without a word")
			}
		}
	})
}

// withoutEmpty removes the messages within events and enrichments that hold nothing: the compact form leaves them out.
func withoutEmpty(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				withoutEmpty(v.List().Get(i).Message())
			}
		default:
			withoutEmpty(v.Message())
			name := m.Descriptor().Name()
			if (name == "Event" || name == "Enrichment" || name == "Network") && proto.Size(v.Message().Interface()) == 0 {
				m.Clear(f)
			}
		}
		return true
	})
}

func TestAWriterGoesOnAfterAnError(t *testing.T) {
	var c coder
	c.empty(1)
	c.count(1)
	text := "there before the error"
	c.text(&text)
	c.fail(errRange)
	if c.text(&text); c.err == nil {
		t.Error("the error is lost")
	}
}
