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
	"maps"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/policy"
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
