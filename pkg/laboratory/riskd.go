package laboratory

import (
	"fmt"
	"slices"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// proofDelay is how long an honest user takes to pass a challenge.
const proofDelay event.Millis = 20_000

// Engine judges one event; *risk.Engine and *rules.Engine do.
type Engine interface {
	Step(p *profile.Profile, ev *event.Event, d *decision.Decision)
}

// Riskd is our own scorer as a [Comparator]. Its score is the sum of the parts in nats, which
// the risk is a monotone function of. It also observes what is not a login, and every challenge
// that its policy raises for an owner is passed, as in life.
type Riskd struct {
	name     string
	engine   Engine
	without  []string
	profiles map[userKey][]byte
	work     profile.Profile
	scratch  profile.Profile
	d        decision.Decision
}

// NewRiskd wraps an engine. Parts whose code is in without are left out of the score: an
// ablation. name is for tables.
func NewRiskd(name string, engine Engine, without ...string) *Riskd {
	return &Riskd{name: name, engine: engine, without: without, profiles: map[userKey][]byte{}}
}

// Name implements [Comparator].
func (r *Riskd) Name() string { return r.name }

// Score implements [Comparator].
func (r *Riskd) Score(ev *event.Event) float64 {
	r.load(&r.scratch, ev)
	r.engine.Step(&r.scratch, ev, &r.d)
	sum := 0.0
	for i := range r.d.Parts {
		if !slices.Contains(r.without, r.d.Parts[i].Code) {
			sum += r.d.Parts[i].Nats
		}
	}
	return sum
}

// Learn implements [Comparator].
func (r *Riskd) Learn(ev *event.Event) { r.Observe(ev) }

// Observe takes any event of the owner, login or not.
func (r *Riskd) Observe(ev *event.Event) {
	r.load(&r.work, ev)
	r.engine.Step(&r.work, ev, &r.d)
	if r.d.Action == decision.StepUp && r.d.SessionState == "required" {
		proof := event.Event{
			ID: ev.ID + ":proof", Source: ev.Source, Type: event.StepUpCompleted,
			Time: ev.Time + proofDelay, Received: ev.Received + proofDelay,
			Tenant: ev.Tenant, User: ev.User, Session: ev.Session, Device: ev.Device,
			Network: ev.Network, Agent: ev.Agent, Action: "stepup.completed",
			Outcome: event.Success, Count: 1, ChallengeID: r.d.ChallengeID,
		}
		proof.Session.AuthTime = proof.Time
		proof.Session.ACR, proof.Session.AMR = "aal2", []string{"pwd", "otp"}
		r.engine.Step(&r.work, &proof, &r.d)
	}
	r.profiles[keyOf(ev)] = r.work.AppendBinary(r.profiles[keyOf(ev)][:0])
}

func (r *Riskd) load(p *profile.Profile, ev *event.Event) {
	p.Reset()
	if b := r.profiles[keyOf(ev)]; b != nil {
		if err := profile.Decode(b, p); err != nil {
			// The bytes are our own of a moment ago: a bug, not an input.
			panic(fmt.Sprintf("profile of this run cannot be read back: %v", err))
		}
	}
}
