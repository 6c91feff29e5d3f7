package scorer

import (
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// serial is the reference: one fold over the events in the order they were sent, on one machine.
type serial struct {
	decisions map[string]*riskdv1.Decision
	profiles  map[string]*profile.Profile
	dups      int
}

func foldSerially(t testing.TB, evs []*riskdv1.Event) *serial {
	t.Helper()
	return foldAsJournaled(t, evs, nil)
}

// foldAsJournaled takes what was looked up for an event from the journal where it is there.
func foldAsJournaled(t testing.TB, evs []*riskdv1.Event, looked map[string]*riskdv1.Enrichment) *serial {
	t.Helper()
	engine, enricher := newEngine(t), newEnricher(t)
	s := &serial{decisions: map[string]*riskdv1.Decision{}, profiles: map[string]*profile.Profile{}}
	for _, pb := range evs {
		key := string(appendKey(nil, pb.TenantId, pb.User.Id))
		p := s.profiles[key]
		if p == nil {
			p = new(profile.Profile)
			s.profiles[key] = p
		}
		var ev event.Event
		en := looked[pb.Id]
		if en == nil {
			en = enricher.Enrich(pb, time.Now().UnixMilli())
		}
		if err := wire.ToEvent(pb, en, &ev); err != nil {
			t.Fatal(err)
		}
		var d decision.Decision
		engine.Step(p, &ev, &d)
		switch d.Status {
		case decision.Scored:
			out := new(riskdv1.Decision)
			wire.FromDecision(&d, out)
			s.decisions[pb.Id] = out
		case decision.Duplicate:
			s.dups++
		default:
			t.Fatalf("event %s: status %d %s", pb.Id, d.Status, d.Reason)
		}
	}
	return s
}
