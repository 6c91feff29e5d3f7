// Package policy is what to do about risk: thresholds, what has to be proven, for how long, how often
// people may be asked, and which resources want proof whoever asks.
//
// A policy is typed, validated data. It has a version made of its content, which every decision names. It does
// not score, and it holds no state: package session keeps that. Conditions in a rule language come from outside,
// behind [Judge]; package rules has one.
//
// A validated Policy is immutable and safe for concurrent use.
package policy

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
)

// Policy is one complete set of rules. Times are whole seconds, scores 0..100.
type Policy struct {
	// ID names the policy, without its version. Default "default".
	ID string `json:"id"`
	// PriorNats is the log-odds of attack before any evidence. Default -3, which is 4.74 %: high enough that two
	// independent novelties cross the threshold, low enough that one does not.
	PriorNats float64 `json:"prior_nats"`
	// Thresholds on risk.
	Thresholds Thresholds `json:"thresholds"`
	// StepUp is what a risky session has to prove.
	StepUp StepUp `json:"step_up"`
	// Friction bounds how often a person is asked.
	Friction Friction `json:"friction"`
	// Sensitive says which resources and actions want proof at any risk.
	Sensitive Sensitive `json:"sensitive"`
	// Time bounds what is scored.
	Time Time `json:"time"`
	// Learning says what is taken for the user's own.
	Learning Learning `json:"learning"`
	// Travel bounds what is possible.
	Travel Travel `json:"travel"`
	// Machines says how users of kind service and agent are treated, who cannot answer a challenge.
	Machines Machines `json:"machines"`
	// ACR maps authentication context names to levels 1..3. aal1..aal3 are always known.
	ACR map[string]int `json:"acr"`

	judge   Judge
	version string
}

// Thresholds on risk, 0..100.
type Thresholds struct {
	// Medium is where level medium begins. Default 20.
	Medium float64 `json:"medium"`
	// StepUp is where level high begins and a challenge is raised. Default 50: as likely as not.
	StepUp float64 `json:"step_up"`
	// Severe overrides cool-down and budget. Default 90.
	Severe float64 `json:"severe"`
	// OnSevere is "step_up" or "deny". Default step_up.
	OnSevere string `json:"on_severe"`
	// Adaptive moves StepUp so that a chosen share of sessions is asked.
	Adaptive Adaptive `json:"adaptive"`
}

// Adaptive is a threshold that follows what is usual at a tenant. Until enough is known, Thresholds.StepUp holds.
type Adaptive struct {
	// Rate is the share of sessions to ask, percent. Default 0: the threshold does not move.
	Rate float64 `json:"rate"`
	// Floor and Ceiling bound the threshold. Defaults 30 and 80. Severe risk asks whatever the threshold is.
	Floor   float64 `json:"floor"`
	Ceiling float64 `json:"ceiling"`
	// MinSessions is how many sessions a partition has to know of before the threshold moves. Default 300.
	MinSessions uint32 `json:"min_sessions"`
}

// StepUp is a requirement and its life.
type StepUp struct {
	// ACR wanted, aal1..aal3. Default aal2.
	ACR string `json:"acr"`
	// AMR lists accepted methods (RFC 8176); one of them is enough. Empty: any that gives the ACR.
	AMR []string `json:"amr"`
	// ExpiresAfter is how long an answer is awaited. Default 900.
	ExpiresAfter uint32 `json:"expires_after"`
	// OnExpiry is "deny" or "allow". Default deny.
	OnExpiry string `json:"on_expiry"`
	// MaxFailures denies the session. Default 3.
	MaxFailures int `json:"max_failures"`
	// ReasonUser is shown to the user. Default "Please confirm it is you."
	ReasonUser string `json:"reason_user"`
}

// Friction bounds prompts.
type Friction struct {
	// CoolDown is how long after a passed challenge the same session is asked again only for severe
	// evidence. Default 3600.
	CoolDown uint32 `json:"cool_down"`
	// Prompts is how many passed challenges per Window free a person from all but severe ones, on
	// devices that are known. Default 3 per 86400.
	Prompts int    `json:"prompts"`
	Window  uint32 `json:"window"`
	// Hysteresis is by how much risk has to exceed the threshold, points, to ask a session again that has passed a
	// challenge. Default 5.
	Hysteresis float64 `json:"hysteresis"`
}

// Sensitive says what wants proof at any risk. Ages are of the last proof in the same session.
type Sensitive struct {
	ACR string `json:"acr"`
	// Restricted is the age allowed for resources of that class. Default 43200 (12 h).
	Restricted uint32 `json:"restricted_max_age"`
	// Critical likewise. Default 300.
	Critical uint32 `json:"critical_max_age"`
	// CriticalActions are treated as critical on any resource.
	CriticalActions []string `json:"critical_actions"`
}

// Time bounds.
type Time struct {
	// Lateness is how far behind the latest event of the same user an event may be to be scored. Default 86400.
	Lateness uint32 `json:"lateness"`
	// Skew is how far ahead of its receipt an event may be. Default 300.
	Skew uint32 `json:"skew"`
	// SessionIdle ends a session's memory. Default 172800 (48 h).
	SessionIdle uint32 `json:"session_idle"`
}

// Learning says what is learned without proof.
type Learning struct {
	// Below this risk an unproven event is learned at once. Default 20.
	Below float64 `json:"below"`
	// Ageing is how long an unproven session must stay without a challenge to be learned after all.
	// Default 86400.
	Ageing uint32 `json:"ageing"`
	// AgeingBelow is the risk a session must never have reached to be learned by age. Default 50.
	AgeingBelow float64 `json:"ageing_below"`
	// Novelty up to which surroundings are learned at once, nats after what a known device explains. What is newer
	// waits for proof or ageing: an intruder's first quiet step must not make the second familiar. Default 0.5.
	Novelty float64 `json:"novelty_nats"`
	// Quiet and Aged are the shares of an observation that unproven events count: those in known surroundings, and
	// those that aged. Defaults 1 and 0.5.
	Quiet float64 `json:"quiet"`
	Aged  float64 `json:"aged"`
	// Feedback is what judgements of people teach.
	Feedback Feedback `json:"feedback"`
}

// Feedback is what judgements of people teach: "it was me" or "false alarm" makes the session's surroundings the user's own,
// "not me" or "attack" makes what of them is not settled as such hostile. Each can be taken back, and expires.
type Feedback struct {
	// Weight is what a session that was the user's counts, as a share of one proven observation. What users say themselves
	// counts no more than the proof they say it with. Default 1.
	Weight float64 `json:"weight"`
	// PerDay is how many judgements of each sort teach something within 24 hours of a user's time. Default 3.
	PerDay int `json:"per_day"`
	// Expires is how long what was taught holds. Default 2592000 (30 d).
	Expires uint32 `json:"expires"`
}

// Travel bounds.
type Travel struct {
	// Speed allowed, km/h. Default 900.
	Speed float64 `json:"speed_kmh"`
	// Slack is added to the time between two sightings, for clocks and sessions. Default 300.
	Slack uint32 `json:"slack"`
	// Floor is the distance below which nothing is said, km. Default 100.
	Floor float64 `json:"floor_km"`
	// Memory is how long a place is an anchor. Default 259200 (72 h).
	Memory uint32 `json:"memory"`
}

// Machines says what a service or agent account gets at severe risk: "deny" or "allow". Default deny.
type Machines struct {
	OnSevere string `json:"on_severe"`
}

// Version names the policy and its content, such as default@3f2a9c01.
func (p *Policy) Version() string { return p.version }

// StepUpAt is the threshold for an event: Thresholds.StepUp, or where the tenant's own sessions put it.
func (p *Policy) StepUpAt(ev *event.Event) float64 {
	t := &p.Thresholds
	if t.Adaptive.Rate <= 0 || !(ev.StepUpAt > 0) {
		return t.StepUp
	}
	return min(max(ev.StepUpAt, t.Adaptive.Floor), t.Adaptive.Ceiling)
}

// Level of an event's risk: low, medium or high, and 0, 1 or 2. High is what the threshold asks for.
func (p *Policy) Level(risk float64, ev *event.Event) (name string, rank uint8) {
	switch {
	case risk >= p.StepUpAt(ev):
		return "high", 2
	case risk >= p.Thresholds.Medium:
		return "medium", 1
	}
	return "low", 0
}

// LevelName is the name of a rank.
func LevelName(rank uint8) string {
	return [...]string{"low", "medium", "high"}[min(rank, 2)]
}
