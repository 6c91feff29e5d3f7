package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Default is the shipped policy.
func Default() *Policy {
	p := defaults()
	if err := p.seal(); err != nil {
		panic("policy: the default is broken: " + err.Error())
	}
	return p
}

func defaults() *Policy {
	return &Policy{
		ID:        "default",
		PriorNats: -3,
		Thresholds: Thresholds{Medium: 20, StepUp: 50, Severe: 90, OnSevere: "step_up",
			Adaptive: Adaptive{Floor: 30, Ceiling: 80, MinSessions: 300}},
		StepUp: StepUp{ACR: "aal2", AMR: []string{}, ExpiresAfter: 900, OnExpiry: "deny", MaxFailures: 3,
			ReasonUser: "Please confirm it is you."},
		Friction: Friction{CoolDown: 3600, Prompts: 3, Window: 86400, Hysteresis: 5},
		Sensitive: Sensitive{ACR: "aal2", Restricted: 12 * 3600, Critical: 300,
			CriticalActions: []string{"apikey.create", "role.grant", "account.mfa_change"}},
		Time: Time{Lateness: 86400, Skew: 300, SessionIdle: 2 * 86400},
		Learning: Learning{Below: 20, Ageing: 86400, AgeingBelow: 50, Novelty: 0.5, Quiet: 1, Aged: 0.5,
			Feedback: Feedback{Weight: 1, PerDay: 3, Expires: 30 * 86400}},
		Travel:   Travel{Speed: 900, Slack: 300, Floor: 100, Memory: 3 * 86400},
		Machines: Machines{OnSevere: "deny"},
		ACR: map[string]int{
			"urn:example:aal1": 1, "urn:example:aal2": 2, "urn:example:aal3": 3,
			"nist-aal1": 1, "nist-aal2": 2, "nist-aal3": 3,
			"phr": 2, "phrh": 3, "urn:okta:loa:1fa:any": 1, "urn:okta:loa:2fa:any": 2, "mfa": 2,
		},
	}
}

// Parse reads a policy from JSON. What is left out keeps its default; unknown keys are errors.
func Parse(data []byte) (*Policy, error) {
	p := defaults()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("parsing policy: %w", err)
	}
	if dec.More() {
		return nil, errors.New("parsing policy: more than one document")
	}
	if err := p.seal(); err != nil {
		return nil, fmt.Errorf("parsing policy %q: %w", p.ID, err)
	}
	return p, nil
}

// seal validates the policy and names its version.
func (p *Policy) seal() error {
	if err := p.Validate(); err != nil {
		return err
	}
	data, err := json.Marshal(p) // maps are written in key order, so equal policies give equal bytes
	if err != nil {
		return fmt.Errorf("naming version: %w", err)
	}
	if p.judge != nil {
		data = append(data, p.judge.Digest()...)
	}
	sum := sha256.Sum256(data)
	p.version = p.ID + "@" + hex.EncodeToString(sum[:4])
	return nil
}

// Validate reports every fault, naming its key.
func (p *Policy) Validate() error {
	var errs []error
	want := func(ok bool, key, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", key, what))
		}
	}
	oneOf := func(v string, a, b string) bool { return v == a || v == b }
	want(p.ID != "" && len(p.ID) <= 64, "id", "want 1 to 64 bytes")
	want(p.PriorNats >= -12 && p.PriorNats <= 0, "prior_nats", "want -12 to 0")
	t := p.Thresholds
	want(t.Medium > 0 && t.Medium <= t.StepUp && t.StepUp <= t.Severe && t.Severe <= 100,
		"thresholds", "want 0 < medium <= step_up <= severe <= 100")
	a := t.Adaptive
	want(a.Rate >= 0 && a.Rate <= 50, "thresholds.adaptive.rate", "want 0 to 50 percent of the sessions")
	want(a.Rate == 0 || a.Floor >= t.Medium && a.Floor <= a.Ceiling && a.Ceiling <= t.Severe, "thresholds.adaptive",
		"want medium <= floor <= ceiling <= severe")
	want(a.MinSessions >= 20, "thresholds.adaptive.min_sessions", "want at least 20")
	want(oneOf(t.OnSevere, "step_up", "deny"), "thresholds.on_severe", "want step_up or deny")
	want(p.LevelOf(p.StepUp.ACR) > 0, "step_up.acr", "not a known authentication context")
	want(p.StepUp.ExpiresAfter > 0, "step_up.expires_after", "want at least 1 second")
	want(oneOf(p.StepUp.OnExpiry, "deny", "allow"), "step_up.on_expiry", "want deny or allow")
	want(p.StepUp.MaxFailures >= 1 && p.StepUp.MaxFailures <= 20, "step_up.max_failures", "want 1 to 20")
	want(len(p.StepUp.AMR) <= 8, "step_up.amr", "want at most 8 methods")
	for _, m := range p.StepUp.AMR {
		want(m != "" && len(m) <= 16, "step_up.amr", "want methods of 1 to 16 bytes")
	}
	want(p.Friction.Prompts >= 1 && p.Friction.Prompts <= 8, "friction.prompts", "want 1 to 8")
	want(p.Friction.Hysteresis >= 0 && p.Friction.Hysteresis <= 50, "friction.hysteresis", "want 0 to 50 points")
	want(p.LevelOf(p.Sensitive.ACR) > 0, "sensitive.acr", "not a known authentication context")
	want(p.Time.Lateness <= 7*86400, "time.lateness", "want at most 7 days")
	want(p.Time.SessionIdle >= 3600, "time.session_idle", "want at least 1 hour")
	want(p.Learning.Below > 0 && p.Learning.Below <= t.StepUp, "learning.below", "want 0 < below <= thresholds.step_up")
	l := p.Learning
	want(l.AgeingBelow > 0 && l.AgeingBelow <= 100, "learning.ageing_below", "want 0 < ageing_below <= 100")
	for _, v := range []float64{l.Quiet, l.Aged} {
		want(v > 0 && v <= 1, "learning", "want shares above 0 and at most 1")
	}
	want(l.Feedback.Weight >= 0 && l.Feedback.Weight <= 1, "learning.feedback.weight", "want 0 to 1")
	want(l.Feedback.PerDay >= 0 && l.Feedback.PerDay <= 8, "learning.feedback.per_day", "want 0 to 8")
	want(l.Feedback.Expires >= 3600 && l.Feedback.Expires <= 400*86400, "learning.feedback.expires", "want 1 hour to 400 days")
	want(l.Novelty >= 0 && l.Novelty <= 10, "learning.novelty_nats", "want 0 to 10")
	want(p.Travel.Speed >= 100 && p.Travel.Speed <= 10000, "travel.speed_kmh", "want 100 to 10000")
	want(p.Travel.Floor >= 10, "travel.floor_km", "want at least 10")
	want(oneOf(p.Machines.OnSevere, "deny", "allow"), "machines.on_severe", "want deny or allow")
	for _, name := range slices.Sorted(maps.Keys(p.ACR)) {
		level := p.ACR[name]
		want(level >= 1 && level <= 3, "acr."+name, "want a level 1 to 3")
	}
	return errors.Join(errs...)
}
