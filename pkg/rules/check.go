package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

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
