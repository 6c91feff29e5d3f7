// Package session decides what a session owes: the state machine
//
//	clear -> required -> satisfied | denied | expired
//
// with its challenges, their revisions, and the bounds on how often people are asked. It turns risk and rules into
// an action, and reports of step-up results into proof. Which evidence there is, is not its business.
//
// State lives in [profile.Session]; a Machine holds only the policy, and is safe for concurrent use on
// different profiles.
package session

import (
	"cmp"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Machine applies one policy.
type Machine struct{ Policy *policy.Policy }

// Case is one event in its session.
type Case struct {
	Profile *profile.Profile
	Session *profile.Session
	Event   *event.Event
	// Context is the event's own, to compare with what proved the session.
	Context *profile.Context
	// Decision holds risk and parts already; the machine adds action, state and signals.
	Decision *decision.Decision

	counted uint32 // by the adaptive threshold, before the event
}

// Names of the rules that are not the policy's demands.
const (
	// RuleAppRequest: the app blocked by its own route rule and asks for a challenge.
	RuleAppRequest = "app_request"
	// RuleSevere: evidence was so strong that cool-down or budget did not count.
	RuleSevere = "severe_override"
	// RuleCoolDown and RuleBudget: a challenge was due by risk, but the person was asked enough.
	RuleCoolDown = "cool_down"
	RuleBudget   = "prompt_budget"
	// RuleMachine: a service or agent, which cannot answer a challenge.
	RuleMachine = "machine"
)

// Judge decides on an activity event whose risk is known.
func (m Machine) Judge(c *Case) {
	s, d, t := c.Session, c.Decision, c.Event.Time
	m.begin(c)
	m.expire(c)
	_, rank := m.Policy.Level(d.Risk, c.Event)
	previous := s.Level
	s.Level = rank
	s.Peak = max(s.Peak, uint16(d.Risk*100+0.5))

	if s.State == profile.Denied {
		if !m.revoked(c, previous) {
			m.remind(c, previous)
		}
		m.finish(c)
		return
	}
	if s.State == profile.Satisfied && t-s.Since > 12*hour {
		s.State = profile.Clear // Since stays: the cool-down counts from the proof
	}
	if m.refused(c, previous) {
		m.finish(c)
		return
	}
	if c.Event.User.Kind != event.Person {
		m.machine(c, previous)
		return
	}
	demand, rule := m.due(c)
	if s.State == profile.Required && !outside(c.Event) {
		m.suspect(c)
	}
	switch {
	case demand.Level == 0:
	case s.State == profile.Required:
		m.strengthen(c, demand)
	default:
		m.raise(c, demand, previous)
	}
	if rule != "" {
		d.Rule = rule
	}
	m.finish(c)
}

// due says what has to be proven now, if anything, and which rule said so.
func (m Machine) due(c *Case) (policy.Demand, string) {
	p, s, ev, d := m.Policy, c.Session, c.Event, c.Decision
	none := policy.Demand{}
	if outside(ev) {
		return none, ""
	}
	demand := p.Rule(ev)
	if demand.Rule != "" && Proven(s, c.Context, demand.Level, demand.MaxAge, ev.Time) {
		demand = none
	}
	demand = wanted(c, demand)
	level := p.LevelOf(p.StepUp.ACR)
	if s.State == profile.Expired { // an unanswered challenge is asked again, as long as the session goes on
		return policy.Demand{
			Rule: s.Challenge.Rule, Level: max(level, s.Challenge.Level, demand.Level), MaxAge: s.Challenge.MaxAge,
			AMR: cmp.Or(demand.AMR, s.Challenge.AMR),
		}, s.Challenge.Rule
	}
	if demand.Rule == "" && ev.Outcome == event.Challenged {
		demand = policy.Demand{Rule: RuleAppRequest, Level: level, Scope: attempted(ev)}
	}
	if demand.Rule != "" {
		demand.MaxAge = 0 // the proof must be newer than the challenge
		return demand, demand.Rule
	}
	if d.Risk < m.asksFrom(c) {
		return none, ""
	}
	if s.State == profile.Required {
		return policy.Demand{Level: level}, s.Challenge.Rule
	}
	if rule := vouched(d); rule != "" && d.Risk < p.Thresholds.Severe {
		return none, rule
	}
	if held := m.restraint(c); held != "" {
		if d.Risk < p.Thresholds.Severe {
			return none, held
		}
		return policy.Demand{Rule: RuleSevere, Level: level}, RuleSevere
	}
	return policy.Demand{Level: level}, ""
}

// attempted is what an app stopped of its own accord.
func attempted(ev *event.Event) decision.Scope {
	if ev.Resource.Type != "" {
		return decision.OfResource
	}
	return decision.OfAction
}

// restraint names the bound on prompts that holds back a challenge, "" when none does.
func (m Machine) restraint(c *Case) string {
	f, s, t := &m.Policy.Friction, c.Session, c.Event.Time
	if s.Challenge.ID != "" && !s.Open() && t-s.Since < seconds(f.CoolDown) {
		return RuleCoolDown
	}
	// Only surroundings that passed before share in the budget: nobody can use up another's.
	if c.Context.Device == 0 || c.Profile.Devices.Find(c.Context.Device) < 0 {
		return ""
	}
	passed := 0
	for _, at := range c.Profile.Prompts {
		if t-at < seconds(f.Window) && t >= at {
			passed++
		}
	}
	if passed >= f.Prompts {
		return RuleBudget
	}
	return ""
}

// machine treats users who cannot answer.
func (m Machine) machine(c *Case, previous uint8) {
	d := c.Decision
	if d.Risk >= m.Policy.Thresholds.Severe && m.Policy.Machines.OnSevere == "deny" {
		m.shut(c, RuleMachine, previous)
		c.Session.Challenge.Rule = RuleMachine
	}
	if d.Risk >= m.Policy.StepUpAt(c.Event) {
		d.Rule = RuleMachine
	}
	m.finish(c)
}

// finish writes what holds now into the decision.
func (m Machine) finish(c *Case) {
	s, d := c.Session, c.Decision
	m.tell(c)
	d.SessionState = s.State.String()
	if s.Open() || s.State == profile.Satisfied || len(d.Signals) > 0 {
		d.ChallengeID = s.Challenge.ID
	}
	switch s.State {
	case profile.Required, profile.Expired:
		d.Action = decision.StepUp
		if !waits(c) {
			d.Action = decision.Allow
		}
	case profile.Denied:
		d.Action = decision.Deny
	default:
		d.Action = decision.Allow
	}
}

const (
	hour = event.Millis(3_600_000)
	// remindEvery is how often a shut session that goes on is reported as shut again.
	remindEvery = 6 * hour
)

func seconds(n uint32) event.Millis { return event.Millis(n) * 1000 }

// outside tells that nobody got in: the account's owner must not pay for guesses of others.
func outside(ev *event.Event) bool { return ev.Outcome == event.Failure && loginAction(ev.Action) }

// loginAction tells the actions by which somebody tries to get in.
func loginAction(a string) bool { return len(a) >= 5 && a[:5] == "auth." }
