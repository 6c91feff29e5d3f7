package schemas

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Example is one golden file.
type Example struct {
	// Name is the file's name without folder and suffix.
	Name string `json:"-"`
	// About says in a sentence what the example shows.
	About string `json:"about"`
	// Input is the JSON text to read. Exactly one of Input and Text is given.
	Input json.RawMessage `json:"input,omitempty"`
	// Text is the input where it is not JSON.
	Text string `json:"text,omitempty"`
	// Reason is the stable code it must be refused with; "" when it must be accepted.
	Reason string `json:"reason,omitempty"`
	// Canonical is how riskd writes what it read. Absent: the same as Input.
	Canonical json.RawMessage `json:"canonical,omitempty"`
	// Lenient marks input that riskd reads although its JSON Schema, which says what to send,
	// does not describe it.
	Lenient bool `json:"lenient,omitempty"`
	// SchemaAccepts marks refused input that a JSON Schema cannot tell from good input.
	SchemaAccepts bool `json:"schema_accepts,omitempty"`
}

// Bytes is the input as it would arrive.
func (e *Example) Bytes() []byte {
	if e.Text != "" {
		return []byte(e.Text)
	}
	return e.Input
}

// Examples reads the golden files of one kind: event, decision, signal or notice.
func Examples(kind string) ([]Example, error) {
	files, err := fs.Glob(Golden, path.Join("golden", kind, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing golden files of %q: %w", kind, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no golden files of kind %q", kind)
	}
	out := make([]Example, 0, len(files))
	for _, name := range files {
		raw, err := Golden.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading golden file: %w", err)
		}
		e := Example{Name: strings.TrimSuffix(path.Base(name), ".json")}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("reading golden file %s: %w", name, err)
		}
		out = append(out, e)
	}
	return out, nil
}
