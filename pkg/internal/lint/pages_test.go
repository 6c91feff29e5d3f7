package lint

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	quoted  = regexp.MustCompile("`((?:pkg|services|schemas|deploy|scripts)/[A-Za-z0-9_./-]+)`")
	targets = regexp.MustCompile(`(?m)^([a-z-]+):`)
	made    = regexp.MustCompile("`(?:[A-Z_]+=\\S+ )?make ([a-z-]+)`")
)

// What the pages point at is there: files, folders and make targets.
func TestPagesPointAtWhatIsThere(t *testing.T) {
	top := root(t)
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range targets.FindAllStringSubmatch(string(makefile), -1) {
		known[m[1]] = true
	}
	pages := 0
	walk(t, func(rel, full string) {
		if !strings.HasSuffix(rel, ".md") || strings.Contains(rel, "/testdata/") {
			return
		}
		pages++
		text, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		missing := func(what, base string) {
			if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(path.Join(base, what)))); err != nil {
				t.Errorf("%s points at %s, which is not there", rel, what)
			}
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], ":") {
				missing(m[1], path.Dir(rel))
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			missing(strings.TrimSuffix(m[1], "/"), "")
		}
		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			if !known[m[1]] {
				t.Errorf("%s names `make %s`, which the Makefile does not have", rel, m[1])
			}
		}
	})
	if pages == 0 {
		t.Error("no page was read")
	}
}

func TestEveryDecisionIsInTheIndex(t *testing.T) {
	top := root(t)
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join(top, "pkg", "adr", "*.md"))
	if err != nil || len(records) == 0 {
		t.Fatalf("decision records: %v, %v", records, err)
	}
	for _, record := range records {
		if name := filepath.Base(record); !strings.Contains(string(readme), "(pkg/adr/"+name+")") {
			t.Errorf("README's table of decisions leaves out %s", name)
		}
	}
}
