package laboratory

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/simulate/simulatetest"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// The bounds here are far from the targets on purpose: the small world has ten towns and few people. What
// trips them is a broken scorer, not noise; `make bench-detection` holds the real ones.

func TestDetectionOfLoginsHasNotFallenApart(t *testing.T) {
	cfg := testWorld(150, 42, 60)
	cfg.Activity, cfg.OwnFactor, cfg.Only = 0.25, true, []simulate.Kind{simulate.Naive, simulate.VPN, simulate.Targeted}
	trial := Trial{World: cfg, Comparators: []Comparator{NewRiskd(Ours, testEngine(t)), NewFreeman(false), NewPoints()}}
	out, err := trial.Run(t.Context(), simulatetest.Atlas(t), testEnricher(t))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReport(out)
	for kind, bounds := range map[simulate.Kind]struct{ auc, mean float64 }{
		simulate.Naive: {0.97, 0.25}, simulate.VPN: {0.96, 0.35}, simulate.Targeted: {0.95, 0.45},
	} {
		ours, freeman := r.Cell(kind, Ours, 0.98, 12), r.Cell(kind, PlainFreeman, 0.98, 12)
		t.Logf("%s: AUC %.4f, first 12 logins at TPR 0.98: ours %.3f, freeman %.3f", kind, r.AUC[kind][0], ours.Mean, freeman.Mean)
		if !(r.AUC[kind][0] >= bounds.auc) {
			t.Errorf("%s: AUC %.4f, want at least %.2f", kind, r.AUC[kind][0], bounds.auc)
		}
		if !(ours.Mean <= bounds.mean) || !(ours.Mean < freeman.Mean) {
			t.Errorf("%s: %.3f of the first 12 logins challenged, want at most %.2f and fewer than Freeman's %.3f", kind, ours.Mean, bounds.mean, freeman.Mean)
		}
	}
}

// judgeWith is the whole scorer without broker: enrichment, one profile for each user, policy.
func judgeWith(engine Engine, enricher *enrich.Enricher) Judge {
	users := map[userKey]*profile.Profile{}
	var d decision.Decision
	return func(pb *riskdv1.Event) (*decision.Decision, error) {
		var ev event.Event
		if err := wire.ToEvent(pb, enricher.Enrich(pb, pb.TimeMs), &ev); err != nil {
			return nil, err
		}
		p := users[keyOf(&ev)]
		if p == nil {
			p = &profile.Profile{}
			p.Reset()
			users[keyOf(&ev)] = p
		}
		engine.Step(p, &ev, &d)
		return &d, nil
	}
}

func playSmall(t *testing.T, cfg simulate.Config) *Sessions {
	t.Helper()
	world, err := simulate.New(cfg, simulatetest.Atlas(t))
	if err != nil {
		t.Fatal(err)
	}
	live := Live{Judge: judgeWith(testEngine(t), testEnricher(t))}
	s, err := live.Run(t.Context(), world)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDetectionInSessionsHasNotFallenApart(t *testing.T) {
	s := playSmall(t, testWorld(80, 14, 40))
	stolen, spray, f := s.Pursuit(simulate.Stolen, nil), s.Pursuit(simulate.Spray, nil), s.Friction(2)
	t.Logf("stolen by the 2nd event %.2f of %d, spray %.2f; %.2f %% of logins challenged, %.2f prompts per person and week, %.2f step-ups in mid-session in 100 hours",
		stolen.By[1], stolen.Attacks, spray.By[0], 100*f.Challenged, f.PerWeek, f.MidPer100Hours)
	if stolen.Attacks < 30 || stolen.By[1] < 0.75 {
		t.Errorf("%.2f of %d stolen sessions stepped up by the 2nd event, want at least 0.75 of 30", stolen.By[1], stolen.Attacks)
	}
	if f.Challenged > 0.05 || f.PerWeek > 1 {
		t.Errorf("%.2f %% of honest logins challenged and %.2f prompts per person and week, want at most 5 %% and 1", 100*f.Challenged, f.PerWeek)
	}
	if f.Hours == 0 || f.WorkHours > f.Hours || s.Events == 0 || s.Late != 0 || s.Duplicate != 0 {
		t.Errorf("%d events, %d late, %d duplicate, %.1f hours, %.1f at work: the measurement is broken", s.Events, s.Late, s.Duplicate, f.Hours, f.WorkHours)
	}
}

// A judge that always allows and one that always asks: the measurement must say so.
func TestTheMeasurementTellsABlindJudgeFromAnAnxiousOne(t *testing.T) {
	cfg := testWorld(20, 6, 5)
	play := func(mind func(d *decision.Decision)) *Sessions {
		world, err := simulate.New(cfg, simulatetest.Atlas(t))
		if err != nil {
			t.Fatal(err)
		}
		var d decision.Decision
		live := Live{Judge: func(*riskdv1.Event) (*decision.Decision, error) {
			d.Reset()
			d.Status, d.Action = decision.Scored, decision.Allow
			mind(&d)
			return &d, nil
		}}
		s, err := live.Run(t.Context(), world)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	blind := play(func(*decision.Decision) {})
	if p := blind.Pursuit(simulate.Stolen, nil); p.Never != 1 || p.By[3] != 0 || finite(p.Actions) != "never" || p.Robbed == 0 {
		t.Errorf("a blind judge: %+v, want every stolen session to go on", p)
	}
	if blind.Prompts != 0 {
		t.Errorf("a blind judge prompted %d times", blind.Prompts)
	}
	anxious := play(func(d *decision.Decision) { d.Action, d.Risk = decision.StepUp, 99 })
	if p := anxious.Pursuit(simulate.Stolen, nil); p.By[0] != 1 || p.Never != 0 || p.Actions != 1 || p.Seconds != 0 || p.Deeds != 0 {
		t.Errorf("an anxious judge: %+v, want every stolen session stepped up at once", p)
	}
	if share, _, _ := anxious.AtBudget(simulate.Insider, 0.01, 20); share != 0 {
		t.Errorf("all risks are equal, and yet %.2f of insiders stand out", share)
	}
}
