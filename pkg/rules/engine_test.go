package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
)

func TestEachTenantHasItsOwnPolicy(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"default.yaml": "id: all", "acme.yaml": "id: strict\ntenant: acme", "old.json": `{"id": "json", "tenant": "globex"}`, "README.md": "not read",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(files, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]string{"acme": "strict", "globex": "json", "somebody": "all", "": "all"} {
		if got := e.For(tenant, "ann").Policy().ID; got != want {
			t.Errorf("tenant %q is judged by %s, want %s", tenant, got, want)
		}
	}
	if got := len(e.Versions()); got != 3 {
		t.Errorf("got %d versions, want 3", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "again.yaml"), []byte("id: x\ntenant: acme"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "same tenant") {
		t.Errorf("two policies for one tenant: got %v", err)
	}
}

func TestWithoutAPolicyTheDefaultDecides(t *testing.T) {
	e, err := NewEngine(nil, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	if got := e.For("acme", "ann").Policy().ID; got != "default" {
		t.Errorf("got %s, want default", got)
	}
}

func TestAFaultNamesItsFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(name, []byte("id: x\nfoo: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); err == nil || !strings.HasPrefix(err.Error(), name+": line 2: foo: unknown key; want acr, counters, ") {
		t.Errorf("got %v", err)
	}
}
