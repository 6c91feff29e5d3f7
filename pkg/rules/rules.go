// Package rules is the language of policies: one YAML file holds what package policy holds, and beside it rules with
// conditions in CEL (cel.dev) over the event, its session, the user's profile, the scores and lists, with examples
// that are its tests. deploy/policies has files to start from; `riskctl policy` tests and explains them.
//
// A file is read as a whole or refused as a whole, with a line for each fault. Conditions are typed, bounded in cost
// before they run, and pure: no clock, no I/O, the same answer everywhere. The core knows none of this; it sees a
// [policy.Judge].
//
// What a rule can want, when its condition holds for an activity:
//
//	deny     shuts the session
//	revoke   shuts it too, and tells apps to end it: the user has to log in anew
//	step_up  wants proof of a level within an age, at any risk; people only. Its scope says what waits for the proof: the
//	         session (the default), the action, whatever it is done to, or the resource, whatever is done to it
//	allow    keeps risk alone, short of severe, from asking; it does not lift what other rules want
//	notify   is recorded and told to apps (riskd.notices), and blocks nothing
//
// A rule in mode shadow, or beyond its rollout, is recorded as a shadow hit and changes nothing.
//
// Everything here is immutable once read, and safe for concurrent use.
package rules

import (
	"crypto/sha256"
	"encoding/json"
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

// File is one policy as read.
type File struct {
	// Policy with its rules, ready for an engine. Its version names settings, rules and lists, not comments and tests.
	Policy *policy.Policy
	// Tenant it is for; "" is every tenant without a policy of its own.
	Tenant string
	// Tests are the file's examples.
	Tests []Example
	// Rules in their order.
	Rules []Rule
	// Cost is the estimated worst case of all conditions, see [MaxTotalCost].
	Cost uint64

	set   *set
	lists map[string]listText
	// counters as written.
	counters map[string]counterText
}

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

// Parse reads a policy: YAML with rules, or the JSON that package policy reads. The error is [Problems].
func Parse(data []byte) (*File, error) {
	r := &reader{lines: map[string]int{}}
	f := r.parse(data)
	if len(r.problems) > 0 {
		sortByLine(r.problems)
		return nil, r.problems
	}
	return f, nil
}

func (r *reader) parse(data []byte) *File {
	root := r.open(data)
	if root == nil {
		return nil
	}
	settings, doc := r.split(root)
	if len(r.problems) > 0 {
		return nil
	}
	pol, err := policy.Parse(settings)
	if err != nil {
		r.settings(err)
	}
	f := &File{Policy: pol, Tenant: doc.Tenant, Tests: doc.Tests, lists: doc.Lists, counters: doc.Counters}
	lists := r.readLists(doc.Lists)
	counters := r.readCounters(f, lists, doc.Counters)
	lang, err := newLanguage(lists, counters)
	if err != nil {
		r.fault(0, "", "preparing the language: %v", err)
	}
	if len(r.problems) > 0 {
		return nil
	}
	r.readRules(f, lang, doc.Rules)
	r.readTests(f)
	if len(r.problems) > 0 || len(f.Rules) == 0 {
		return f
	}
	f.set = newSet(f.Rules, lang, digest(f))
	if f.Policy, err = pol.WithRules(f.set); err != nil {
		r.fault(0, "", "%v", err)
	}
	return f
}

// settings gives each fault that package policy finds the line of its key.
func (r *reader) settings(err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		if strings.HasPrefix(line, "parsing policy") {
			_, line, _ = strings.Cut(line, ": ")
		}
		key, text, ok := strings.Cut(line, ": ")
		if !ok {
			key, text = "", line
		}
		at := r.lines[key]
		for k := key; at == 0 && strings.Contains(k, "."); {
			k = k[:strings.LastIndexByte(k, '.')]
			at = r.lines[k]
		}
		r.fault(at, key, "%s", text)
	}
}

func (r *reader) readLists(texts map[string]listText) []*list {
	if len(texts) > MaxLists {
		r.fault(r.lines["lists"], "lists", "%d lists, limit %d", len(texts), MaxLists)
		return nil
	}
	var out []*list
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		key := "lists." + name
		if !isName(name) {
			r.fault(r.lines[key], key, "want a name of small letters, digits and _, such as office")
			continue
		}
		t := texts[name]
		l, err := newList(name, &t)
		if err != nil {
			r.fault(r.lines[key], key, "%v", err)
			continue
		}
		out = append(out, l)
	}
	return out
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

// digest names all that can change a decision.
func digest(f *File) []byte {
	type canonical struct {
		Name, When, Mode, User, Analyst string
		Effect                          decision.Effect
		Level                           uint8
		MaxAge                          uint32
		AMR                             []string
		Rollout                         float64
		Scope                           decision.Scope `json:",omitempty"`
	}
	rules := make([]canonical, len(f.Rules))
	for i, r := range f.Rules {
		mode := "enforce"
		if r.Shadow {
			mode = "shadow"
		}
		rules[i] = canonical{r.Name, r.When, mode, r.ReasonUser, r.ReasonAnalyst, r.Effect, r.Level, r.MaxAge, r.AMR, r.Rollout, r.Scope}
	}
	data, err := json.Marshal(struct {
		Tenant   string
		Lists    map[string]listText
		Rules    []canonical
		Counters map[string]counterText `json:",omitempty"`
	}{f.Tenant, f.lists, rules, f.counters})
	if err != nil {
		panic("rules: plain data cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return sum[:]
}
