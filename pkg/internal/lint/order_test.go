package lint

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/packages"
)

// A map's order changes from run to run, so a loop over one in the core would break the promise
// of equal bytes out. slices.Sorted(maps.Keys(m)) is the way to walk one.
func TestTheCoreNeverWalksAMapInItsRandomOrder(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{
		Dir:  filepath.Join(root(t), "pkg"),
		Mode: packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
	}, "./risk/...")
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) == 0 {
		t.Fatal("no package of the core was loaded")
	}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Errorf("loading %s: %v", p.PkgPath, e)
		}
		for _, file := range p.Syntax {
			report(t, mapWalks(p, file))
		}
	}
}

// mapWalks lists the loops over maps, and over the unsorted iterators of package maps.
func mapWalks(p *packages.Package, file *ast.File) []string {
	var faults []string
	ast.Inspect(file, func(n ast.Node) bool {
		loop, ok := n.(*ast.RangeStmt)
		if !ok {
			return true
		}
		_, overMap := p.TypesInfo.TypeOf(loop.X).Underlying().(*types.Map)
		if call, ok := loop.X.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if f, ok := p.TypesInfo.Uses[sel.Sel].(*types.Func); ok && f.Pkg() != nil && f.Pkg().Path() == "maps" {
					overMap = true
				}
			}
		}
		if overMap {
			at := p.Fset.Position(loop.Pos())
			faults = append(faults, fmt.Sprintf("%s:%d: the core must be deterministic: it walks a map in random order",
				filepath.Base(filepath.Dir(at.Filename))+"/"+filepath.Base(at.Filename), at.Line))
		}
		return true
	})
	return faults
}
