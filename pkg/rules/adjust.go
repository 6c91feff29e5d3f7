package rules

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Adjust sets numbers in a policy's text, by their keys such as thresholds.step_up, and leaves all else, comments
// included. It tells nothing of whether the result is a policy.
func Adjust(text []byte, values map[string]float64) ([]byte, error) {
	if len(values) == 0 {
		return text, nil
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("adjusting policy: more than %d bytes", maxFile)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("adjusting policy: %w", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("adjusting policy: want keys and values")
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		at := doc.Content[0]
		path := strings.Split(key, ".")
		for i, name := range path {
			if at.Kind != yaml.MappingNode {
				return nil, fmt.Errorf("adjusting policy: %s is no mapping", strings.Join(path[:i], "."))
			}
			at = member(at, name, i == len(path)-1)
		}
		*at = yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(values[key], 'f', -1, 64), LineComment: at.LineComment}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, fmt.Errorf("adjusting policy: %w", err)
	}
	return out.Bytes(), enc.Close()
}

// member finds or makes a mapping's value.
func member(m *yaml.Node, name string, leaf bool) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return m.Content[i+1]
		}
	}
	v := &yaml.Node{Kind: yaml.MappingNode}
	if leaf {
		v = &yaml.Node{Kind: yaml.ScalarNode}
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, v)
	return v
}
