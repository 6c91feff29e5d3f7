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

// Staged is a policy that judges a share of its tenant's users.
type Staged struct {
	File *File
	// Share is in percent. Users who are in it stay so as it grows, over all versions of one policy id.
	Share float64
	// Rest judges the other users; nil: the default policy.
	Rest *File
}

// Engine judges each tenant by its own policy. Safe for concurrent use on different profiles.
type Engine struct {
	others  judged
	tenants map[string]*judged
}

// judged is what judges one tenant's users: core, or rest beyond the share.
type judged struct {
	core, rest *risk.Engine
	share      float64
	salt       uint64
}

// NewEngine makes an engine of files as [Open] returns them. Tenants without a file are judged by the one without a
// tenant, or else by the default policy.
func NewEngine(files []*File, b *baseline.Baseline) (*Engine, error) {
	staged := make([]Staged, len(files))
	for i, f := range files {
		staged[i] = Staged{File: f, Share: 100}
	}
	return NewStagedEngine(staged, b)
}

// NewStagedEngine is [NewEngine] with policies that judge a share of their users.
func NewStagedEngine(staged []Staged, b *baseline.Baseline) (*Engine, error) {
	e := &Engine{tenants: map[string]*judged{}}
	for i := range staged {
		s := &staged[i]
		j, err := newJudged(s, b)
		if err != nil {
			return nil, err
		}
		switch {
		case s.File.Tenant != "":
			e.tenants[s.File.Tenant] = &j
		case e.others.core != nil:
			return nil, errors.New("making engine: two policies for all tenants")
		default:
			e.others = j
		}
	}
	if e.others.core == nil {
		core, err := risk.New(policy.Default(), b)
		if err != nil {
			return nil, err
		}
		e.others = judged{core: core, share: 100}
	}
	return e, nil
}

func newJudged(s *Staged, b *baseline.Baseline) (j judged, err error) {
	if j.core, err = risk.New(s.File.Policy, b); err != nil || s.Share >= 100 {
		j.share = 100
		return j, err
	}
	other := policy.Default()
	if s.Rest != nil {
		other = s.Rest.Policy
	}
	j.share, j.salt = s.Share, profile.Hash64(s.File.Policy.ID)
	j.rest, err = risk.New(other, b)
	return j, err
}

func (j *judged) of(tenant, user string) *risk.Engine {
	if j.share >= 100 {
		return j.core
	}
	if h := (profile.HashPair(tenant, user) ^ j.salt) * 0x9e3779b97f4a7c15; float64((h>>32)%10_000) < j.share*100 {
		return j.core
	}
	return j.rest
}

// Step judges one event by the policy of its tenant; see [risk.Engine.Step].
func (e *Engine) Step(p *profile.Profile, ev *event.Event, d *decision.Decision) {
	e.For(ev.Tenant, ev.User.ID).Step(p, ev, d)
}

// Adaptive says how the threshold of a user moves.
func (e *Engine) Adaptive(tenant, user string) policy.Adaptive {
	return e.For(tenant, user).Policy().Thresholds.Adaptive
}

// Adapts tells whether any of the thresholds moves.
func (e *Engine) Adapts() bool {
	moves := func(j *judged) bool {
		return j.core.Policy().Thresholds.Adaptive.Rate > 0 || j.rest != nil && j.rest.Policy().Thresholds.Adaptive.Rate > 0
	}
	if moves(&e.others) {
		return true
	}
	for _, j := range e.tenants {
		if moves(j) {
			return true
		}
	}
	return false
}

// For is the engine of a tenant's user.
func (e *Engine) For(tenant, user string) *risk.Engine {
	if j := e.tenants[tenant]; j != nil {
		return j.of(tenant, user)
	}
	return e.others.of(tenant, user)
}

// Note is what a rule of a user's policy has to say when it applies; ok is false when it is no rule that notifies.
func (e *Engine) Note(tenant, user, rule string) (n Note, ok bool) {
	if s, is := e.For(tenant, user).Policy().Judge().(*set); is {
		n, ok = s.notes[rule]
	}
	return n, ok
}

// Versions of all policies in use, that of the other tenants first.
func (e *Engine) Versions() []string {
	out := e.others.versions()
	for _, t := range slices.Sorted(maps.Keys(e.tenants)) {
		out = append(out, e.tenants[t].versions()...)
	}
	return out
}

func (j *judged) versions() []string {
	out := []string{j.core.Policy().Version()}
	if j.rest != nil {
		out = append(out, j.rest.Policy().Version())
	}
	return out
}
