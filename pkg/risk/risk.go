// Package risk is the core of riskd: a pure fold of events into judgements.
//
//	Step(profile, event) -> profile', decision
//
// One event and what is known of its user go in; an updated profile and a decision with its reasons come out.
// There is no clock (time is the event's time), no randomness, no look-up and no I/O: places, networks, user agents and
// counts across users are written into the event before. The same events in the same order give the same
// bytes, in the live scorer, in a backtest and in `riskctl score`.
//
// The road of an event, and the package that knows about each stage:
//
//	event     what happened
//	profile   what we know of the user: faded counts, places, sessions; bounded, encoded in a few hundred bytes
//	baseline  what is usual for people in general
//	feature   event against profile: numbers with units, likelihood ratios in nats
//	score     evidence: capped, on a grid, adding up exactly to the risk
//	policy    thresholds, demands, bounds on friction
//	session   what the session owes: the challenge and its life
//	decision, signal   the record, and the flag as apps see it
//	numeric   logarithms, powers and rounding that are the same on every machine
//
// testdata/cases is the specification by examples; start there to see what it does.
//
// # Time
//
// An event older than the user's latest by more than the policy's lateness (24 h) is Late: stored, not scored. Within
// it, an event is judged against its neighbours in event time, and counts come out the same in whatever
// order events arrive. A second event with the same source and id is a Duplicate and changes nothing.
//
// # What is learned
//
// Nothing from an event that is under question. Surroundings of quiet events count at once; a new PLACE is only a
// candidate of its session until a passed challenge or a day without one proves it, so that an intruder's
// login never makes the owner the odd one out. What people say of a session ("it was me", "not me") is kept beside
// what was learned, so many times a day, until it is taken back or expires: see [policy.Feedback].
//
// An Engine is immutable and safe for concurrent use on different profiles.
package risk

import (
	"errors"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// Version of the engine's formulas. It changes whenever the same events could give other decisions.
const Version = "2026-11-28.9"

// Reasons of events that are not scored.
const (
	// ReasonFuture: the event's time is later than its receipt by more than the skew. Status Dead.
	ReasonFuture = "future_time"
	// ReasonLate: the event is beyond the lateness bound. Status Late.
	ReasonLate = "beyond_lateness"
	// ReasonType: the event's type is not known to this engine. Status Dead.
	ReasonType = "unknown_type"
	// ReasonTime: the event has no time. Status Dead.
	ReasonTime = "missing_time"
)

// Engine judges events by one policy and one baseline.
type Engine struct {
	policy   *policy.Policy
	baseline *baseline.Baseline
	machine  session.Machine
	bounds   feature.Bounds
}

// New makes an engine. Both arguments are required and must come from their packages' Default or Parse.
func New(p *policy.Policy, b *baseline.Baseline) (*Engine, error) {
	if p == nil || b == nil {
		return nil, errors.New("making engine: policy and baseline are required")
	}
	if p.Version() == "" {
		return nil, errors.New("making engine: policy was not validated; use policy.Default or policy.Parse")
	}
	return &Engine{
		policy: p, baseline: b, machine: session.Machine{Policy: p},
		bounds: feature.Bounds{
			Speed: p.Travel.Speed, Floor: p.Travel.Floor,
			Slack: millis(p.Travel.Slack), Memory: millis(p.Travel.Memory),
		},
	}, nil
}

// Policy and Baseline name what the engine judges by.
func (e *Engine) Policy() *policy.Policy       { return e.policy }
func (e *Engine) Baseline() *baseline.Baseline { return e.baseline }

// Adaptive says how the threshold of a user moves.
func (e *Engine) Adaptive(string, string) policy.Adaptive { return e.policy.Thresholds.Adaptive }

func millis(seconds uint32) event.Millis { return event.Millis(seconds) * 1000 }

// Step judges one event of one user: it fills d and updates p. It never fails: d.Status tells what became of the
// event, and p is untouched unless that is Scored. Texts in d may share the event's memory; p never does.
func (e *Engine) Step(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	d.Reset()
	d.EventID, d.Tenant, d.User, d.Session, d.Time = ev.ID, ev.Tenant, ev.User.ID, ev.Session.ID, ev.Time
	d.Policy, d.Baseline, d.Engine = e.policy.Version(), e.baseline.Version(), Version
	d.Action, d.Level, d.SessionState = decision.Allow, "low", "clear"
	if d.Session == "" {
		d.Session = "u:" + ev.User.ID
	}
	id := profile.HashPair(ev.Source, ev.ID)
	switch {
	case ev.Time <= 0:
		d.Status, d.Reason = decision.Dead, ReasonTime
		return
	case ev.Type < event.Activity || ev.Type > event.FeedbackEvent:
		d.Status, d.Reason = decision.Dead, ReasonType
		return
	case ev.Received > 0 && ev.Time > ev.Received+millis(e.policy.Time.Skew):
		d.Status, d.Reason = decision.Dead, ReasonFuture
		return
	case p.Recent.Has(id):
		d.Status = decision.Duplicate
		return
	case ev.Time < p.Watermark-millis(e.policy.Time.Lateness):
		d.Status, d.Reason = decision.Late, ReasonLate
		return
	}
	d.Status = decision.Scored
	since := p.Watermark
	p.Advance(ev.Time)
	p.Recent.Add(id, ev.Time, p.Watermark-millis(e.policy.Time.Lateness))
	e.tidy(p)
	if ev.Type == event.Activity {
		e.activity(p, ev, d, since)
	} else {
		e.report(p, ev, d)
	}
	d.Level, _ = e.policy.Level(d.Risk, ev)
}

// tidy forgets what is over, and takes for the user's own what aged unquestioned.
func (e *Engine) tidy(p *profile.Profile) {
	now := p.Watermark
	for i := 0; i < len(p.Sessions); {
		s := &p.Sessions[i]
		if len(s.Novel) > 0 && now-s.Last >= pause {
			e.settle(p, s)
		}
		if !s.Learned && now-s.Start >= millis(e.policy.Learning.Ageing) {
			e.age(p, s, e.policy.Learning.Aged)
		}
		idle := millis(e.policy.Time.SessionIdle)
		if s.Open() {
			idle = openMemory
		}
		if now-s.Last > idle {
			p.DropSession(i)
			continue
		}
		i++
	}
	for len(p.Prompts) > 0 && now-p.Prompts[0] > millis(e.policy.Friction.Window) {
		p.Prompts = append(p.Prompts[:0], p.Prompts[1:]...)
	}
	for i := 0; i < len(p.Lessons); {
		if now-p.Lessons[i].At > millis(e.policy.Learning.Feedback.Expires) {
			p.DropLesson(i)
			continue
		}
		i++
	}
	for i := 0; i < len(p.Failures); {
		if now-p.Failures[i].At > failureMemory {
			p.Failures = append(p.Failures[:i], p.Failures[i+1:]...)
			continue
		}
		i++
	}
}

const (
	// openMemory keeps sessions that owe something or are shut, though idle.
	openMemory = event.Millis(14 * 24 * 3600 * 1000)
	// failureMemory is sixteen half lives of a failed login.
	failureMemory = 16 * profile.FailureHalfLife
)
