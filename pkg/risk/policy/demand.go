package policy

import (
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
)

// Demand is proof that a rule wants, independent of risk.
type Demand struct {
	// Rule is "" when none applies.
	Rule string
	// Level of the proof, 1..3, and its greatest age, seconds.
	Level  uint8
	MaxAge uint32
	// AMR lists accepted methods, space separated; "": those of the policy.
	AMR string
	// Scope is what waits for the proof.
	Scope decision.Scope
}

// Names of the rules that demand proof.
const (
	RuleRestricted = "restricted_resource"
	RuleCritical   = "critical_action"
)

// Rule says what an event wants proven whoever asks.
func (p *Policy) Rule(ev *event.Event) Demand {
	s := &p.Sensitive
	if ev.Resource.Sensitivity == event.Critical {
		return Demand{Rule: RuleCritical, Level: p.LevelOf(s.ACR), MaxAge: s.Critical, Scope: decision.OfClass}
	}
	for _, a := range s.CriticalActions {
		if a == ev.Action {
			return Demand{Rule: RuleCritical, Level: p.LevelOf(s.ACR), MaxAge: s.Critical, Scope: decision.OfAction}
		}
	}
	if ev.Resource.Sensitivity == event.Restricted {
		return Demand{Rule: RuleRestricted, Level: p.LevelOf(s.ACR), MaxAge: s.Restricted, Scope: decision.OfClass}
	}
	return Demand{}
}

// LevelOf maps an authentication context name to 1..3; 0 when it is not known.
func (p *Policy) LevelOf(acr string) uint8 {
	switch acr {
	case "":
		return 0
	case "aal1":
		return 1
	case "aal2":
		return 2
	case "aal3":
		return 3
	}
	return uint8(p.ACR[acr])
}

// ACRName is the name under which a level is asked for.
func ACRName(level uint8) string {
	return [...]string{"", "aal1", "aal2", "aal3"}[min(level, 3)]
}
