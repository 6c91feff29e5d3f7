package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is where a hand-written file has a second thing in it.
const maxLines = 250

func TestFilesStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if !s.generated && s.lines > maxLines {
			t.Errorf("%s has %d lines; more than %d is two things in one file", s.path, s.lines, maxLines)
		}
	}
}

// emptyNames say nothing about what is inside.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "types"}

// emptyType finds types named after what they are not.
var emptyType = regexp.MustCompile(`(Util|Utils|Helper|Manager)$`)

func misnamed(s *source) []string {
	var faults []string
	fault := func(at, what, name string) {
		faults = append(faults, fmt.Sprintf("%s: %s %q says nothing: use the field's nouns", at, what, name))
	}
	if slices.Contains(emptyNames, s.file.Name.Name) {
		fault(s.path, "package", s.file.Name.Name)
	}
	stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
	if slices.Contains(emptyNames, stem) {
		fault(s.path, "file", stem)
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && emptyType.MatchString(spec.Name.Name) {
			fault(s.at(spec), "type", spec.Name.Name)
		}
		return true
	})
	return faults
}

func TestNamesSaySomething(t *testing.T) {
	for _, s := range sources(t) {
		if !s.generated {
			report(t, misnamed(s))
		}
	}
	for _, code := range []string{"package util", "package x\ntype SessionManager struct{}"} {
		s, err := parse("pkg/x/x.go", code)
		if err != nil {
			t.Fatal(err)
		}
		if len(misnamed(s)) == 0 {
			t.Errorf("%q was let through", code)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.generated || s.test {
			continue
		}
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil && len(s.file.Doc.Text()) > 20
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// leakFinders are the imports of a test that look for goroutines left over; enginetest.Main does.
var leakFinders = []string{"go.uber.org/goleak", module + "pkg/clickhouse/enginetest"}

func TestPackagesWithGoroutinesLookForLeaks(t *testing.T) {
	starts, looks := map[string]string{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			s.imports(func(p string, _ ast.Node) { looks[s.dir] = looks[s.dir] || slices.Contains(leakFinders, p) })
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				starts[s.dir] = s.at(g)
			}
			return true
		})
	}
	for dir, at := range starts {
		if !looks[dir] {
			t.Errorf("%s starts a goroutine, but no TestMain of its package looks for leaks with goleak", at)
		}
	}
}

// machineMarks must not be in any committed file: download addresses of a lock file and folders
// of the machine that somebody happened to work on. Written in pieces, so that this file passes.
var machineMarks = []*regexp.Regexp{
	regexp.MustCompile(`"resolved"` + `\s*:`),
	regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/(root|work|home/[a-z]+)` + `/[a-zA-Z.]`),
}

func TestNothingPointsAtOneMachine(t *testing.T) {
	walk(t, func(rel, full string) {
		info, err := os.Stat(full)
		if err != nil || info.Size() > 4<<20 {
			return
		}
		text, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return // not text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			for _, mark := range machineMarks {
				if m := mark.Find(line); m != nil {
					t.Errorf("%s:%d: %q belongs to one machine", rel, i+1, strings.TrimSpace(string(m)))
				}
			}
		}
	})
	for _, bad := range []string{`  "resolved"` + `: "https://x"`, `cd /work` + `/x`, `PATH=/home` + `/ann/bin`} {
		if !slices.ContainsFunc(machineMarks, func(m *regexp.Regexp) bool { return m.MatchString(bad) }) {
			t.Errorf("%q was let through", bad)
		}
	}
}
