package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// pureImports is all that pkg/risk may import beside its own packages: nothing here reads a
// clock, a file, the network, a random source or another goroutine.
var pureImports = []string{
	"bytes", "cmp", "embed", "encoding", "encoding/base32", "encoding/base64", "encoding/binary", "encoding/hex", "encoding/json",
	"errors", "fmt", "crypto/sha256", "hash", "hash/fnv", "iter", "maps", "math", "math/bits", "net/netip",
	"regexp", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
	module + "schemas/subject",
}

// impureCalls are functions of allowed packages that are not pure.
var impureCalls = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local"},
	"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// impure lists what makes a file of the core impure.
func impure(s *source) []string {
	var faults []string
	fault := func(at ast.Node, format string, a ...any) {
		faults = append(faults, s.at(at)+": the core must be pure: "+fmt.Sprintf(format, a...))
	}
	names := map[string]string{} // local name -> import path
	s.imports(func(p string, at ast.Node) {
		if !slices.Contains(pureImports, p) && !under(p, module+"pkg/risk") {
			fault(at, "it may not import %s", p)
		}
		name := path.Base(p)
		if spec := at.(*ast.ImportSpec); spec.Name != nil {
			name = spec.Name.Name
			if name == "." {
				fault(at, "a dot import hides what is called")
			}
		}
		names[name] = p
	})
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			fault(n, "it starts a goroutine")
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			fault(n, "it uses a channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				fault(n, "it receives from a channel")
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if ok && pkg.Obj == nil && slices.Contains(impureCalls[names[pkg.Name]], n.Sel.Name) {
				fault(n, "it uses %s.%s", pkg.Name, n.Sel.Name)
			}
		}
		return true
	})
	return faults
}

func TestTheCoreIsPure(t *testing.T) {
	checked := 0
	for _, s := range sources(t) {
		if under(s.dir, "pkg/risk") && !s.test {
			checked++
			report(t, impure(s))
		}
	}
	if checked == 0 {
		t.Error("no file of pkg/risk was checked")
	}
}

func TestPurityFindsEachFault(t *testing.T) {
	for _, c := range []struct{ name, code, want string }{
		{"a file is read", `import "os"; var _ = os.Args`, "may not import os"},
		{"the network is reached", `import "net/http"; var _ http.Handler`, "may not import net/http"},
		{"a lock is taken", `import "sync"; var _ sync.Mutex`, "may not import sync"},
		{"chance decides", `import "math/rand/v2"; var _ = rand.Int()`, "may not import math/rand/v2"},
		{"another part of riskd is known", `import "github.com/riskd-io/riskd/pkg/enrich"; var _ enrich.Enricher`, "may not import github.com/riskd-io/riskd/pkg/enrich"},
		{"the clock is read", `import "time"; var _ = time.Now()`, "it uses time.Now"},
		{"the clock is read under another name", `import clock "time"; var f = clock.Since`, "it uses clock.Since"},
		{"the machine's zone decides", `import "time"; var _ = time.Unix(0, 0).In(time.Local)`, "it uses time.Local"},
		{"a goroutine is started", `func f() { go f() }`, "it starts a goroutine"},
		{"a channel is used", `func f(c chan int) { c <- 1 }`, "it uses a channel"},
		{"imports are hidden", `import . "time"; var _ = Now()`, "a dot import"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := parse("pkg/risk/x.go", "package risk\n"+c.code)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(impure(s), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("found %q; want %q", got, c.want)
			}
		})
	}
}

func TestPurityLetsPureCodeBe(t *testing.T) {
	s, err := parse("pkg/risk/x.go", `package risk
import ("math"; "time"; "github.com/riskd-io/riskd/pkg/risk/event")
func f(e event.Event, t time.Time) float64 { return math.Log(t.Sub(t.Add(time.Hour)).Hours()) }`)
	if err != nil {
		t.Fatal(err)
	}
	report(t, impure(s))
}
