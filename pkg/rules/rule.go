package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

const (
	// MaxRules bounds a file.
	MaxRules = 100
	// minAge is the least age of proof that a rule can want, seconds: less would ask again at the next click.
	minAge = 60
	// defaultAge is the age when a rule names none, seconds.
	defaultAge = 12 * 3600
	// maxReason bounds the texts of a rule, bytes.
	maxReason = 300
)

// Rule is one rule as read.
type Rule struct {
	Name string
	// When is its condition.
	When   string
	Effect decision.Effect
	// Level, MaxAge (seconds) and AMR of the proof a step-up wants.
	Level  uint8
	MaxAge uint32
	AMR    []string
	// Scope is what waits for that proof; zero: the whole session.
	Scope decision.Scope
	// Shadow rules are tried and change nothing.
	Shadow bool
	// Rollout is the share of users it is enforced for, percent.
	Rollout float64
	// ReasonUser is shown to the user, ReasonAnalyst to those who look into it.
	ReasonUser, ReasonAnalyst string
	// Line in the file, and the worst case of its condition.
	Line int
	Cost uint64

	condition *condition
	names     []string
}

func (r *reader) readRules(f *File, lang *language, texts []ruleText) {
	if len(texts) > MaxRules {
		r.fault(r.lines["rules"], "rules", "%d rules, limit %d", len(texts), MaxRules)
		return
	}
	seen := map[string]bool{}
	for i := range texts {
		key := fmt.Sprintf("rules[%d]", i)
		rule := r.readRule(f.Policy, lang, key, &texts[i])
		if seen[rule.Name] {
			r.fault(rule.Line, key+".name", "there is a rule %s already", rule.Name)
		}
		seen[rule.Name] = true
		f.Cost += rule.Cost
		f.Rules = append(f.Rules, rule)
	}
	if f.Cost > MaxTotalCost {
		r.fault(r.lines["rules"], "rules", "too costly together: %d in the worst case, limit %d", f.Cost, MaxTotalCost)
	}
}

// reserved are names of rules that the core gives itself.
var reserved = []string{
	policy.RuleRestricted, policy.RuleCritical, "app_request", "severe_override", "cool_down", "prompt_budget", "machine", "severe",
	"unknown_challenge", "closed_challenge", "unproven_author", risk.RuleFeedbackLimit, risk.RuleOwnSurroundings,
}

func (r *reader) readRule(p *policy.Policy, lang *language, key string, t *ruleText) Rule {
	line := func(k string) int {
		if n := r.lines[key+"."+k]; n > 0 {
			return n
		}
		return r.lines[key]
	}
	bad := func(k, format string, a ...any) { r.fault(line(k), key+"."+k, format, a...) }
	rule := Rule{
		Name: t.Name, When: t.When, Line: r.lines[key], Rollout: 100,
		ReasonUser: t.Reason.User, ReasonAnalyst: t.Reason.Analyst,
	}
	switch {
	case !isName(t.Name):
		bad("name", "want a name of small letters, digits and _, such as export_at_night")
	case slices.Contains(reserved, t.Name):
		bad("name", "riskd itself uses this name; choose another")
	}
	switch t.Mode {
	case "", "enforce":
	case "shadow":
		rule.Shadow = true
	default:
		bad("mode", "want enforce or shadow")
	}
	if t.Rollout != nil {
		if rule.Rollout = *t.Rollout; !(rule.Rollout >= 0 && rule.Rollout <= 100) {
			bad("rollout", "want percent, 0 to 100")
		}
	}
	for k, text := range map[string]string{"user": rule.ReasonUser, "analyst": rule.ReasonAnalyst} {
		if len(text) > maxReason {
			bad("reason."+k, "%d bytes, limit %d", len(text), maxReason)
		}
	}
	r.readThen(p, &rule, key, &t.Then, bad)
	readScope(&rule, t.Scope, bad)
	if strings.TrimSpace(t.When) == "" {
		bad("when", "want a condition, such as event.action == \"auth.login\"")
		return rule
	}
	if len(t.When) > maxCondition {
		bad("when", "%d bytes, limit %d", len(t.When), maxCondition)
		return rule
	}
	c, faults := lang.compile(t.When)
	for _, f := range faults {
		r.fault(line("when")+f.line, key+".when", "%s", f.text)
	}
	if c != nil {
		rule.condition, rule.Cost, rule.names = c, c.cost, c.names
	}
	return rule
}

func (r *reader) readThen(p *policy.Policy, rule *Rule, key string, t *thenText, bad func(string, string, ...any)) {
	words := map[string]decision.Effect{
		"allow": decision.AllowEffect, "deny": decision.DenyEffect, "revoke": decision.RevokeEffect, "notify": decision.NotifyEffect, "step_up": decision.StepUpEffect,
	}
	if t.StepUp == nil {
		var ok bool
		if rule.Effect, ok = words[t.Word]; !ok {
			bad("then", "want allow, step_up, deny, revoke or notify%s", suggest(t.Word, slices.Sorted(maps.Keys(words))))
		}
		if rule.Effect == decision.StepUpEffect {
			t.StepUp = &stepUpText{}
		} else {
			return
		}
	}
	rule.Effect, rule.MaxAge, rule.AMR = decision.StepUpEffect, t.StepUp.MaxAge, t.StepUp.AMR
	acr := t.StepUp.ACR
	if acr == "" {
		acr = p.StepUp.ACR
	}
	if rule.Level = p.LevelOf(acr); rule.Level < 2 {
		bad("then.step_up.acr", "want a known authentication context of at least aal2")
	}
	if rule.MaxAge == 0 {
		rule.MaxAge = defaultAge
	}
	if rule.MaxAge < minAge {
		bad("then.step_up.max_age", "want at least %d seconds: less would ask again at the next click", minAge)
	}
	if len(rule.AMR) > 8 {
		bad("then.step_up.amr", "want at most 8 methods")
	}
	for _, m := range rule.AMR {
		if m == "" || len(m) > 16 || strings.ContainsAny(m, " \t\n") {
			bad("then.step_up.amr", "want methods of 1 to 16 bytes, such as hwk")
		}
	}
}

// scopes are what may wait for a proof.
var scopes = map[string]decision.Scope{"": 0, "session": 0, "action": decision.OfAction, "resource": decision.OfResource}

func readScope(rule *Rule, text string, bad func(string, string, ...any)) {
	scope, known := scopes[text]
	switch {
	case !known:
		bad("scope", "want session, action or resource%s", suggest(text, []string{"session", "action", "resource"}))
	case scope != 0 && rule.Effect != decision.StepUpEffect:
		bad("scope", "only step_up can be about less than the session: deny and revoke shut it, and allow and notify block nothing")
	}
	rule.Scope = scope
}

func isName(s string) bool {
	if s == "" || len(s) > 48 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
