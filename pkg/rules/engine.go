package rules

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// maxTenants is how many policies a folder may hold.
const maxTenants = 1000

// Open reads the policy at path: one file, or a folder of them (*.yaml, *.yml, *.json), one for each tenant and at most
// one for all others. "" gives none. The error names the file.
func Open(path string) ([]*File, error) {
	if path == "" {
		return nil, nil
	}
	names, err := Files(path)
	if err != nil {
		return nil, err
	}
	var out []*File
	seen := map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := Parse(data)
		if err != nil {
			return nil, inFile(name, err)
		}
		if other, taken := seen[f.Tenant]; taken {
			return nil, fmt.Errorf("%s and %s are for the same tenant %q", other, name, f.Tenant)
		}
		seen[f.Tenant] = name
		out = append(out, f)
	}
	return out, nil
}

// Files lists the policies at path: itself, or those of a folder.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	folder := path
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".yaml", ".yml", ".json":
			names = append(names, filepath.Join(folder, e.Name()))
		}
	}
	if len(names) == 0 || len(names) > maxTenants {
		return nil, fmt.Errorf("%s: %d policies in this folder, want 1 to %d", folder, len(names), maxTenants)
	}
	return names, nil
}

// inFile puts a file's name before each of its faults, as compilers do.
func inFile(name string, err error) error {
	var ps Problems
	if !errors.As(err, &ps) {
		return fmt.Errorf("%s: %w", name, err)
	}
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = name + ": " + p.String()
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Engine judges each tenant by its own policy. Safe for concurrent use on different profiles.
type Engine struct {
	others  *risk.Engine
	tenants map[string]*risk.Engine
}

// NewEngine makes an engine of files as [Open] returns them. Tenants without a file are judged by the one without a
// tenant, or else by the default policy.
func NewEngine(files []*File, b *baseline.Baseline) (*Engine, error) {
	e := &Engine{tenants: map[string]*risk.Engine{}}
	for _, f := range files {
		core, err := risk.New(f.Policy, b)
		if err != nil {
			return nil, err
		}
		switch {
		case f.Tenant != "":
			e.tenants[f.Tenant] = core
		case e.others != nil:
			return nil, errors.New("making engine: two policies for all tenants")
		default:
			e.others = core
		}
	}
	if e.others == nil {
		var err error
		if e.others, err = risk.New(policy.Default(), b); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Step judges one event by the policy of its tenant; see [risk.Engine.Step].
func (e *Engine) Step(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	e.For(ev.Tenant).Step(p, ev, d)
}

// For is the engine of a tenant.
func (e *Engine) For(tenant string) *risk.Engine {
	if core := e.tenants[tenant]; core != nil {
		return core
	}
	return e.others
}

// Versions of all policies in use, that of the other tenants first.
func (e *Engine) Versions() []string {
	out := []string{e.others.Policy().Version()}
	for _, t := range slices.Sorted(maps.Keys(e.tenants)) {
		out = append(out, e.tenants[t].Policy().Version())
	}
	return out
}
