package journal

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/pkg/wire/wiretest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestJudgeWritesWhatDecideWrites(t *testing.T) {
	drawn := rapid.Make[decision.Decision]() // every field that a decision has now or gets later
	rapid.Check(t, func(t *rapid.T) {
		rec := &riskdv1.JournalRecord{Policy: "p", Baseline: "b", Geo: "g", Engine: "e"}
		var judged []decision.Decision
		for range rapid.IntRange(1, 5).Draw(t, "entries") {
			e := &riskdv1.JournalEntry{Event: new(riskdv1.Event)}
			wiretest.FillWith(e.Event.ProtoReflect(), values(t), func(protoreflect.FieldDescriptor) bool { return rapid.Bool().Draw(t, "set") })
			d := drawn.Draw(t, "decision")
			if len(judged) > 0 && rapid.Bool().Draw(t, "with the outline of the one before") {
				was := judged[len(judged)-1]
				d.Level, d.Action, d.SessionState, d.Unknown, d.Parts = was.Level, was.Action, was.SessionState, slices.Clone(was.Unknown), clonedParts(was.Parts)
				change(t, &d)
			}
			for j := range d.Signals {
				d.Signals[j].Scope.Class %= event.Critical + 1 // there are no others
			}
			if rapid.Bool().Draw(t, "of its event") {
				d.EventID, d.Tenant, d.User, d.Time = e.Event.Id, e.Event.TenantId, e.Event.GetUser().GetId(), event.Millis(e.Event.TimeMs)
			}
			switch rapid.IntRange(0, 2).Draw(t, "session") {
			case 0:
				d.Session = e.Event.GetSession().GetId()
			case 1:
				d.Session = sessionless + e.Event.GetUser().GetId()
			}
			if rapid.Bool().Draw(t, "of its record") {
				d.Policy, d.Baseline, d.Geo, d.Engine = "p", "b", "g", "e"
			}
			rec.Entries, judged = append(rec.Entries, e), append(judged, d)
		}
		judge, decide := NewWriter(), NewWriter()
		judge.Begin(rec, len(rec.Entries))
		decide.Begin(rec, len(rec.Entries))
		for i, e := range rec.Entries {
			judge.Add(e, nil)
			decide.Add(e, nil)
			pb := new(riskdv1.Decision)
			wire.FromDecision(&judged[i], pb)
			judge.Judge(i, &judged[i], pb.Signals)
			decide.Decide(i, pb)
			if !bytes.Equal(judge.c.b, decide.c.b) || (judge.c.err == nil) != (decide.c.err == nil) {
				t.Fatalf("entry %d: Judge wrote %d bytes, Decide %d of %v", i, len(judge.c.b), len(decide.c.b), pb)
			}
		}
	})
}

func clonedParts(parts []decision.Part) []decision.Part {
	out := slices.Clone(parts)
	for i := range out {
		out[i].Detail = slices.Clone(out[i].Detail)
		out[i].Nats++
	}
	return out
}

// change makes one name of d another, or none.
func change(t *rapid.T, d *decision.Decision) {
	one := rapid.IntRange(0, 8).Draw(t, "change")
	switch {
	case one == 0:
		d.Level = "x" + d.Level[min(1, len(d.Level)):] // as long as before, mostly
	case one == 1:
		d.Action = "x" + d.Action[min(1, len(d.Action)):]
	case one == 2:
		d.SessionState = "x" + d.SessionState[min(1, len(d.SessionState)):]
	case one == 3 && len(d.Unknown) > 0:
		d.Unknown[0] = "x" + d.Unknown[0]
	case one == 4 && len(d.Parts) > 0:
		d.Parts[0].Code = "x" + d.Parts[0].Code[min(1, len(d.Parts[0].Code)):]
	case one >= 5 && len(d.Parts) > 0 && len(d.Parts[0].Detail) > 0:
		e := &d.Parts[0].Detail[0]
		switch one {
		case 5:
			e.Key = "x" + e.Key[min(1, len(e.Key)):]
		case 6:
			e.IsText = !e.IsText
		}
	}
}

func TestAttributesAreThoseOfTheirEvent(t *testing.T) {
	plain := &riskdv1.Event{Id: "a", Attributes: map[string]string{"own": "1"}}
	read := wire.Parsed{Event: &riskdv1.Event{Id: "b"}, Attributes: []event.Attribute{{Key: "x", Value: "2"}, {Key: "y", Value: "3"}}}
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH}
	w := NewWriter()
	w.Begin(rec, 4)
	for i, p := range []*wire.Parsed{nil, &read, nil, nil} {
		e := &riskdv1.JournalEntry{Input: uint64(i + 1), Status: riskdv1.JournalEntry_STATUS_LATE, Event: &riskdv1.Event{Id: "none"}}
		switch {
		case p != nil:
			e.Event = p.Event
		case i == 0:
			e.Event = plain
		}
		rec.Entries = append(rec.Entries, e)
		w.Add(e, p)
	}
	stored, err := w.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(0, 1, stored)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]string{{"own": "1"}, {"x": "2", "y": "3"}, nil, nil} {
		if have := got.Record.Entries[i].Event.GetAttributes(); !maps.Equal(have, want) {
			t.Errorf("entry %d: got %v, want %v", i, have, want)
		}
	}
}
