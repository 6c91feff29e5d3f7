package story

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
)

//go:embed sql/*.sql
var files embed.FS

// questions are the texts by name, with shared column lists filled in. Those about a session find out themselves whose it is
// and when it was.
var questions = sync.OnceValues(func() (map[string]string, error) { return read("") })

// knownSession are the same for one who asks several of them, and has asked session_bounds before: with {users}, {first} and {last}.
var knownSession = sync.OnceValues(func() (map[string]string, error) {
	return read(`{{define "_session"}}{{template "_known_session"}}{{end}}`)
})

// read reads the texts, with something after them that may define a part of theirs anew.
func read(after string) (map[string]string, error) {
	names, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		return nil, err
	}
	all := template.New("")
	for _, path := range names {
		text, err := files.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, "sql/"), ".sql")
		if _, err := all.New(name).Parse(strings.TrimRight(string(text), "\n")); err != nil {
			return nil, err
		}
	}
	if _, err := all.New("").Parse(after); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, t := range all.Templates() {
		if t.Name() == "" || strings.HasPrefix(t.Name(), "_") {
			continue
		}
		var b strings.Builder
		if err := t.Execute(&b, nil); err != nil {
			return nil, err
		}
		out[t.Name()] = b.String()
	}
	return out, nil
}

// Question is the SQL of a named question, with {name:Type} parameters and a comment that says what it answers.
func Question(name string) (string, error) { return text(name, questions) }

func text(name string, of func() (map[string]string, error)) (string, error) {
	all, err := of()
	if err != nil {
		return "", fmt.Errorf("reading the named questions: %w", err)
	}
	text, ok := all[name]
	if !ok {
		return "", fmt.Errorf("no question is named %q", name)
	}
	return text, nil
}

// Names are the names of all questions, sorted.
func Names() []string {
	all, err := questions()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(all))
}

// Parameter is a named question's parameter.
type Parameter struct {
	Name string
	// Type is ClickHouse's, e.g. String, UInt32 or DateTime64(3, 'UTC').
	Type string
}

var placeholder = regexp.MustCompile(`\{(\w+):([^{}]+)\}`)

// Parameters are a question's parameters in the order of their first use.
func Parameters(name string) ([]Parameter, error) {
	text, err := Question(name)
	if err != nil {
		return nil, err
	}
	var out []Parameter
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		p := Parameter{m[1], m[2]}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// About is what a question answers: the comment at its head.
func About(name string) string {
	text, err := Question(name)
	if err != nil {
		return ""
	}
	var lines []string
	for l := range strings.Lines(text) {
		c, ok := strings.CutPrefix(strings.TrimSpace(l), "-- ")
		if !ok {
			break
		}
		lines = append(lines, c)
	}
	return strings.Join(lines, " ")
}
