package policylog

import (
	"context"
	"fmt"

	"github.com/riskd-io/riskd/pkg/rules"
)

// set is what was in force from a revision on.
type set struct {
	revision uint64
	engine   *rules.Engine
	files    map[string]*rules.File // by digest
}

// compile makes the engine of a state, with instead, if any, in place of what its tenant has. What an older set has read is
// not read again.
func (k *Keeper) compile(ctx context.Context, s *State, old *set, instead *rules.File) (*set, error) {
	next := &set{revision: s.Revision, files: map[string]*rules.File{}}
	file := func(tenant, version string) (*rules.File, error) {
		if version == "" {
			return k.base(tenant), nil
		}
		v, ok := s.Find(tenant, version)
		if !ok {
			return nil, fmt.Errorf("%s: %w", version, ErrMissing)
		}
		if f := old.files[v.Digest]; f != nil {
			next.files[v.Digest] = f
			return f, nil
		}
		text, err := textOf(ctx, k.cfg.Log, v)
		if err != nil {
			return nil, err
		}
		f, err := rules.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", version, err)
		}
		if f.Policy.Version() != version {
			return nil, fmt.Errorf("%s is %s to this program: it was stored by another release of riskd; push it again", version, f.Policy.Version())
		}
		next.files[v.Digest] = f
		return f, nil
	}
	var staged []rules.Staged
	if instead != nil {
		staged = append(staged, rules.Staged{File: instead, Share: 100})
	}
	for _, f := range k.cfg.Base {
		if s.active[f.Tenant] == nil && (instead == nil || f.Tenant != instead.Tenant) {
			staged = append(staged, rules.Staged{File: f, Share: 100})
		}
	}
	for _, a := range s.Actives() {
		if instead != nil && a.Tenant == instead.Tenant {
			continue
		}
		one := rules.Staged{Share: a.Share}
		var err error
		if one.File, err = file(a.Tenant, a.Version); err != nil {
			return nil, err
		}
		if a.Share < 100 {
			if one.Rest, err = file(a.Tenant, a.Rest); err != nil {
				return nil, err
			}
		}
		staged = append(staged, one)
	}
	var err error
	next.engine, err = rules.NewStagedEngine(staged, k.cfg.Baseline)
	return next, err
}

// base is the file riskd was started with that judges a tenant; nil: the default policy.
func (k *Keeper) base(tenant string) *rules.File {
	var all *rules.File
	for _, f := range k.cfg.Base {
		if f.Tenant == tenant {
			return f
		}
		if f.Tenant == "" {
			all = f
		}
	}
	return all
}
