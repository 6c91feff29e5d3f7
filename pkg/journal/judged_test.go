package journal

import (
	"bytes"
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
		for range rapid.IntRange(1, 3).Draw(t, "entries") {
			e := &riskdv1.JournalEntry{Event: new(riskdv1.Event)}
			wiretest.FillWith(e.Event.ProtoReflect(), values(t), func(protoreflect.FieldDescriptor) bool { return rapid.Bool().Draw(t, "set") })
			d := drawn.Draw(t, "decision")
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
