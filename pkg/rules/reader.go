package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

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
