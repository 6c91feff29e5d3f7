package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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

const (
	// maxFile bounds a policy file.
	maxFile = 1 << 20
	// maxDepth bounds its nesting.
	maxDepth = 24
)

// reader walks a YAML document beside the types it is meant for, and notes each fault.
type reader struct {
	problems Problems
	lines    map[string]int // of each key
}

func (r *reader) fault(line int, key, format string, a ...any) {
	r.problems = append(r.problems, Problem{line, key, fmt.Sprintf(format, a...)})
}

// open parses one YAML document, which has to be a mapping.
func (r *reader) open(data []byte) *yaml.Node {
	if len(data) > maxFile {
		r.fault(0, "", "more than %d bytes", maxFile)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			r.fault(0, "", "the file is empty")
		} else {
			r.syntax(err)
		}
		return nil
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.fault(0, "", "more than one document")
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		r.fault(root.Line, "", "want keys and values")
		return nil
	}
	return root
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\n\s*)?line (\d+): (.*)`)

func (r *reader) syntax(err error) {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		r.fault(line, "", "%s", m[2])
		return
	}
	r.fault(0, "", "%s", strings.TrimPrefix(err.Error(), "yaml: "))
}

var anyYAML = reflect.TypeFor[map[string]any]()

// check compares a node with the type it is read into, and turns durations into seconds.
func (r *reader) check(n *yaml.Node, t reflect.Type, key string, depth int) {
	r.lines[key] = n.Line
	if depth > maxDepth {
		r.fault(n.Line, key, "nested more than %d deep", maxDepth)
		return
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.fault(n.Line, key, "anchors and aliases are not read here")
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[thenText]() && n.Kind == yaml.ScalarNode:
	case t == anyYAML, t.Kind() == reflect.Interface:
		r.free(n, key, depth)
	case t.Kind() == reflect.Struct:
		r.mapping(n, t, key, depth)
	case t.Kind() == reflect.Map:
		if r.kind(n, yaml.MappingNode, key, "keys and values") {
			r.keys(n, key, func(k, v *yaml.Node) { r.check(v, t.Elem(), join(key, k.Value), depth+1) })
		}
	case t.Kind() == reflect.Slice:
		if r.kind(n, yaml.SequenceNode, key, "a list") {
			for i, e := range n.Content {
				r.check(e, t.Elem(), fmt.Sprintf("%s[%d]", key, i), depth+1)
			}
		}
	default:
		r.scalar(n, t, key)
	}
}

// free checks what has no type of ours, such as an example's event.
func (r *reader) free(n *yaml.Node, key string, depth int) {
	switch n.Kind {
	case yaml.MappingNode:
		r.keys(n, key, func(k, v *yaml.Node) { r.check(v, anyYAML, join(key, k.Value), depth+1) })
	case yaml.SequenceNode:
		for i, e := range n.Content {
			r.check(e, anyYAML, fmt.Sprintf("%s[%d]", key, i), depth+1)
		}
	}
}

func (r *reader) kind(n *yaml.Node, want yaml.Kind, key, what string) bool {
	if n.Kind != want {
		r.fault(n.Line, key, "want %s", what)
		return false
	}
	return true
}

// keys calls f for each pair of a mapping; a second value for one key is a fault.
func (r *reader) keys(n *yaml.Node, key string, f func(k, v *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if seen[k.Value] {
			r.fault(k.Line, join(key, k.Value), "given twice")
			continue
		}
		seen[k.Value] = true
		f(k, n.Content[i+1])
	}
}

func (r *reader) mapping(n *yaml.Node, t reflect.Type, key string, depth int) {
	if !r.kind(n, yaml.MappingNode, key, "keys and values") {
		return
	}
	fields := fieldsOf(t)
	r.keys(n, key, func(k, v *yaml.Node) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == k.Value })
		if i < 0 {
			names := make([]string, len(fields))
			for j, f := range fields {
				names[j] = f.name
			}
			hint := suggest(k.Value, names)
			if hint == "" {
				hint = "; want " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
			}
			r.fault(k.Line, join(key, k.Value), "unknown key%s", hint)
			return
		}
		r.check(v, fields[i].typ, join(key, k.Value), depth+1)
	})
}

func (r *reader) scalar(n *yaml.Node, t reflect.Type, key string) {
	if !r.kind(n, yaml.ScalarNode, key, "one value") {
		return
	}
	switch t.Kind() {
	case reflect.Uint32: // seconds, all of them
		if n.Tag == "!!str" {
			s, err := seconds(n.Value)
			if err != nil {
				r.fault(n.Line, key, "%v", err)
				return
			}
			n.Tag, n.Value, n.Style = "!!int", strconv.FormatUint(uint64(s), 10), 0
			return
		}
		if _, err := strconv.ParseUint(n.Value, 10, 32); err != nil {
			r.fault(n.Line, key, "want seconds, or a duration such as 15m, 12h or 2d")
		}
	case reflect.Int:
		if _, err := strconv.Atoi(n.Value); err != nil {
			r.fault(n.Line, key, "want a whole number")
		}
	case reflect.Float64:
		if n.Tag != "!!int" && n.Tag != "!!float" {
			r.fault(n.Line, key, "want a number")
		}
	case reflect.Bool:
		if n.Tag != "!!bool" {
			r.fault(n.Line, key, "want true or false")
		}
	case reflect.String:
		if n.Tag == "!!null" {
			r.fault(n.Line, key, "want a text")
			return
		}
		n.Tag = "!!str"
	}
}

// seconds reads a duration of whole seconds; d is days.
func seconds(s string) (uint32, error) {
	text, days := strings.CutSuffix(s, "d")
	if days {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("want a duration such as 15m, 12h or 2d, not %q", s)
		}
		return uint32(n) * 86400, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d%time.Second != 0 || d > 1<<31*time.Second {
		return 0, fmt.Errorf("want a duration such as 15m, 12h or 2d, not %q", s)
	}
	return uint32(d / time.Second), nil
}

type field struct {
	name string
	typ  reflect.Type
}

// fieldsOf lists the keys of a struct by their tags, those of embedded structs included.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("yaml")
		if tag == "" {
			tag = f.Tag.Get("json")
		}
		tag, option, _ := strings.Cut(tag, ",")
		switch {
		case option == "inline":
			out = append(out, fieldsOf(f.Type)...)
		case tag != "" && tag != "-":
			out = append(out, field{tag, f.Type})
		}
	}
	return out
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
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
