package policylog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// State is what the log says.
type State struct {
	// Changes in order.
	Changes []Change
	// TwoPerson tells that a version needs an approver who is not its author.
	TwoPerson bool
	// Revision is the number of the last change to what is in force; 0 before the first.
	Revision uint64

	versions map[key]*Version
	active   map[string]*Active
	askedOff string // who asked to switch the two-person rule off
	last     string // hash of the last change
}

type key struct{ tenant, version string }

// Version is one stored policy.
type Version struct {
	Tenant  string `json:"tenant"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	// Author stored it at PushedAt, for Reason. Evidence is what the author knew of it.
	Author   string    `json:"author"`
	Reason   string    `json:"reason"`
	Evidence string    `json:"evidence,omitempty"`
	PushedAt time.Time `json:"pushed_at"`
	// Approver, "" before the approval.
	Approver       string    `json:"approver,omitempty"`
	ApprovalReason string    `json:"approval_reason,omitempty"`
	ApprovedAt     time.Time `json:"approved_at,omitzero"`

	n uint64 // of its change
}

// Active is what judges one tenant.
type Active struct {
	Tenant  string `json:"tenant"`
	Version string `json:"version"`
	// Share of users it judges, percent; Rest judges the others ("": what riskd was started with).
	Share float64 `json:"share"`
	Rest  string  `json:"rest,omitempty"`
	// By and At of the change.
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Revision uint64    `json:"revision"`

	before *Active
}

// Add takes a change in, as [Log] hands it over. The change must follow, be whole and be allowed: the log is what was agreed on, not what was tried.
func (s *State) Add(n uint64, data []byte) error {
	c, err := decode(n, data)
	if err != nil {
		return err
	}
	if n != uint64(len(s.Changes))+1 || c.Prev != s.last {
		return fmt.Errorf("%w: change %d does not follow the one before it", ErrBroken, n)
	}
	if err := s.allowed(&c); err != nil {
		return fmt.Errorf("%w: change %d: %w", ErrBroken, n, err)
	}
	s.apply(&c)
	s.last = Digest(data)
	return nil
}

// same checks that a change that is known already is still what it was.
func (s *State) same(n uint64, data []byte) error {
	hash := s.last
	if n < uint64(len(s.Changes)) {
		hash = s.Changes[n].Prev
	}
	if Digest(data) != hash {
		return fmt.Errorf("%w: change %d is another one than before", ErrBroken, n)
	}
	return nil
}

// allowed tells whether a change may be made now.
func (s *State) allowed(c *Change) error {
	if err := c.check(); err != nil {
		return err
	}
	refuse := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, a...)...)
	}
	v := s.versions[key{c.Tenant, c.Version}]
	switch c.Kind {
	case Pushed:
		if v != nil {
			return refuse("%s is stored already, by %s at %s, and can be put in force", c.Version, v.Author, v.PushedAt.Format(time.DateTime))
		}
		if c.Version == "" || len(c.Version) > maxName || len(c.Digest) != 64 {
			return refuse("a version and its digest are required")
		}
	case Approved:
		switch {
		case v == nil:
			return s.unknown(c)
		case v.Approver != "":
			return refuse("%s has been approved by %s", c.Version, v.Approver)
		case s.TwoPerson && v.Author == c.Author:
			return refuse("the two-person rule is on: %s is its author, somebody else has to approve %s", c.Author, c.Version)
		}
	case Activated:
		a := s.active[c.Tenant]
		switch {
		case v == nil:
			return s.unknown(c)
		case s.TwoPerson && (v.Approver == "" || v.Approver == v.Author):
			return refuse("the two-person rule is on: %s has no approval by somebody else than %s (riskctl policy approve, or the console)", c.Version, v.Author)
		case a != nil && a.Version == c.Version && a.Share == c.Share:
			return refuse("%s is in force already", c.Version)
		case a != nil && a.Version != c.Version && a.Share < 100:
			return refuse("%s is in force for %g %% of users: put it in force for all, or roll it back, first", a.Version, a.Share)
		case !(c.Share > 0):
			return refuse("a share is above 0 percent; roll back to take a version out of force")
		}
	case RolledBack:
		if s.active[c.Tenant] == nil {
			return refuse("nothing has been activated for %s", tenantName(c.Tenant))
		}
	case TwoPersonOn:
		if s.TwoPerson && s.askedOff == "" {
			return refuse("the two-person rule is on already")
		}
	case TwoPersonOff:
		if !s.TwoPerson {
			return refuse("the two-person rule is off already")
		}
		if s.askedOff == c.Author {
			return refuse("%s has asked already; somebody else has to do the same", c.Author)
		}
	default:
		return refuse("a change of kind %q is not known to this program", c.Kind)
	}
	return nil
}

func (s *State) unknown(c *Change) error {
	return fmt.Errorf("%w: there is no version %s for %s: %w", ErrRefused, c.Version, tenantName(c.Tenant), ErrMissing)
}

func tenantName(t string) string { return cmp.Or(t, "all tenants") }

func (s *State) apply(c *Change) {
	if s.versions == nil {
		s.versions, s.active = map[key]*Version{}, map[string]*Active{}
	}
	s.Changes = append(s.Changes, *c)
	k := key{c.Tenant, c.Version}
	switch c.Kind {
	case Pushed:
		s.versions[k] = &Version{Tenant: c.Tenant, Version: c.Version, Digest: c.Digest, Author: c.Author, Reason: c.Reason,
			Evidence: c.Evidence, PushedAt: c.At, n: c.N}
	case Approved:
		v := s.versions[k]
		v.Approver, v.ApprovalReason, v.ApprovedAt = c.Author, c.Reason, c.At
	case Activated:
		before := s.active[c.Tenant]
		a := &Active{Tenant: c.Tenant, Version: c.Version, Share: c.Share, By: c.Author, At: c.At, Revision: c.N, before: before}
		// Growing the share of a version keeps what the other users have, and what a roll-back leads to.
		for before != nil && before.Version == c.Version {
			a.before = before.before
			before = before.before
		}
		if before != nil && c.Share < 100 {
			a.Rest = before.Version
		}
		s.active[c.Tenant], s.Revision = a, c.N
	case RolledBack:
		before := s.active[c.Tenant].before
		delete(s.active, c.Tenant)
		if before != nil {
			again := *before
			again.By, again.At, again.Revision = c.Author, c.At, c.N
			s.active[c.Tenant] = &again
		}
		s.Revision = c.N
	case TwoPersonOn:
		s.TwoPerson, s.askedOff = true, ""
	case TwoPersonOff:
		if s.askedOff == "" {
			s.askedOff = c.Author
		} else {
			s.TwoPerson, s.askedOff = false, ""
		}
	}
}

// Versions lists the stored policies, the last pushed first.
func (s *State) Versions() []Version {
	out := make([]Version, 0, len(s.versions))
	for _, v := range s.versions {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b Version) int { return cmp.Compare(b.n, a.n) })
	return out
}

// Find is a stored version.
func (s *State) Find(tenant, version string) (Version, bool) {
	v := s.versions[key{tenant, version}]
	if v == nil {
		return Version{}, false
	}
	return *v, true
}

// Actives lists what is in force, by tenant. Tenants that are not in it are judged by what riskd was started with.
func (s *State) Actives() []Active {
	out := make([]Active, 0, len(s.active))
	for _, t := range slices.Sorted(maps.Keys(s.active)) {
		out = append(out, *s.active[t])
	}
	return out
}

// Active is what judges a tenant's users, nil: what riskd was started with.
func (s *State) Active(tenant string) *Active { return s.active[tenant] }

// at is the state as of change n.
func (s *State) at(n uint64) (*State, error) {
	if n > uint64(len(s.Changes)) {
		return nil, fmt.Errorf("change %d: %w", n, ErrMissing)
	}
	old := new(State)
	for i := range s.Changes[:n] {
		old.apply(&s.Changes[i])
	}
	return old, nil
}
