package rules

import (
	"encoding/json"
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/riskd-io/riskd/pkg/risk/policy"
)

// document is the part of a file that is not package policy's.
type document struct {
	// Tenant the policy is for; "": every tenant without one of its own.
	Tenant string              `yaml:"tenant"`
	Lists  map[string]listText `yaml:"lists"`
	// Counters count events in sliding windows; rules compare counters.NAME.
	Counters map[string]counterText `yaml:"counters"`
	Rules    []ruleText             `yaml:"rules"`
	Tests    []Example              `yaml:"tests"`
}

// counterText is one counter as written.
type counterText struct {
	// When says which of a user's events count.
	When string `yaml:"when" json:"when"`
	// Window in seconds, or as 10m, 1h, 7d.
	Window uint32 `yaml:"window" json:"window"`
	// Sum is what an event adds: count (how many equal actions it stands for; the default), bytes, or events, one each.
	Sum string `yaml:"sum" json:"sum"`
}

// listText is one list as written: exactly one of its kinds.
type listText struct {
	// Networks as CIDR or single addresses; compare with network.ip.
	Networks []string `yaml:"networks"`
	// Values are plain texts, such as users.
	Values []string `yaml:"values"`
	// Trips hold a user while the event is where and when the trip was announced; compare with user.id.
	Trips []tripText `yaml:"trips"`
}

type tripText struct {
	User    string `yaml:"user"`
	Country string `yaml:"country"`
	City    string `yaml:"city"`
	From    string `yaml:"from"`
	Until   string `yaml:"until"`
}

type ruleText struct {
	Name    string     `yaml:"name"`
	When    string     `yaml:"when"`
	Then    thenText   `yaml:"then"`
	Scope   string     `yaml:"scope"`
	Reason  reasonText `yaml:"reason"`
	Mode    string     `yaml:"mode"`
	Rollout *float64   `yaml:"rollout"`
}

type reasonText struct {
	User    string `yaml:"user"`
	Analyst string `yaml:"analyst"`
}

// thenText is a word, or step_up with what it wants.
type thenText struct {
	Word   string      `yaml:"-"`
	StepUp *stepUpText `yaml:"step_up"`
}

type stepUpText struct {
	ACR    string   `yaml:"acr"`
	AMR    []string `yaml:"amr"`
	MaxAge uint32   `yaml:"max_age"`
}

// UnmarshalYAML accepts both forms.
func (t *thenText) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		t.Word = n.Value
		return nil
	}
	type plain thenText
	return n.Decode((*plain)(t))
}

// wholeFile has the keys of both halves of a file.
type wholeFile struct {
	policy.Policy `yaml:",inline"`
	document      `yaml:",inline"`
}

// split checks a file, and takes it apart into package policy's JSON and the rest.
func (r *reader) split(root *yaml.Node) (settings []byte, doc document) {
	r.check(root, reflect.TypeFor[wholeFile](), "", 0)
	if len(r.problems) > 0 {
		return nil, doc
	}
	ours := map[string]bool{}
	for _, f := range fieldsOf(reflect.TypeFor[document]()) {
		ours[f.name] = true
	}
	rest := map[string]any{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if k := root.Content[i].Value; !ours[k] {
			var v any
			if err := root.Content[i+1].Decode(&v); err != nil {
				r.syntax(err)
				return nil, doc
			}
			rest[k] = v
		}
	}
	settings, err := json.Marshal(rest)
	if err == nil {
		// Keys that are package policy's are checked already, and not read a second time.
		err = root.Decode(&doc)
	}
	if err != nil {
		r.syntax(err)
	}
	return settings, doc
}
