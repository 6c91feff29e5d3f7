package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/riskd-io/riskd/"

// source is one Go file of the workspace.
type source struct {
	path      string // from the root, with slashes
	dir       string
	file      *ast.File
	fset      *token.FileSet
	lines     int
	test      bool
	generated bool
}

func (s *source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// imports lists the import paths with a node to point at.
func (s *source) imports(visit func(path string, at ast.Node)) {
	for _, spec := range s.file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			visit(p, spec)
		}
	}
}

// root is the folder of go.work.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.work above this folder: the rules need the whole workspace")
		}
		dir = up
	}
}

// walk visits every file that belongs to the repository: build output, dependencies and data
// folders are left out.
func walk(t *testing.T, visit func(rel string, full string)) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", ".riskd", "artifacts":
				return filepath.SkipDir
			case "bin":
				if filepath.Dir(full) == top {
					return filepath.SkipDir
				}
			}
			return nil
		}
		if !d.Type().IsRegular() || d.Name() == ".git" { // a linked worktree has a file there
			return nil
		}
		rel, err := filepath.Rel(top, full)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(rel), full)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var parsed struct {
	sync.Once
	files []*source
}

// sources parses every Go file of the workspace once.
func sources(t *testing.T) []*source {
	t.Helper()
	parsed.Do(func() {
		walk(t, func(rel, full string) {
			if strings.HasSuffix(rel, ".go") && !strings.Contains(rel, "/testdata/") {
				text, err := os.ReadFile(full)
				if err != nil {
					t.Fatal(err)
				}
				s, err := parse(rel, string(text))
				if err != nil {
					t.Fatal(err)
				}
				parsed.files = append(parsed.files, s)
			}
		})
	})
	if len(parsed.files) == 0 {
		t.Fatal("no Go files found: the walk is broken")
	}
	return parsed.files
}

func parse(rel, text string) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, rel, text, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", rel, err)
	}
	return &source{
		path: rel, dir: path.Dir(rel), file: file, fset: fset,
		lines: strings.Count(text, "\n"), generated: ast.IsGenerated(file),
		test: strings.HasSuffix(rel, "_test.go") || strings.HasSuffix(path.Dir(rel), "test"), // natstest, enginetest: code for tests only
	}, nil
}

// under says whether a path or folder is top or lies in it.
func under(name, top string) bool { return name == top || strings.HasPrefix(name, top+"/") }

// report fails the test with each fault on a line of its own.
func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}
