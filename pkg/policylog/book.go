package policylog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/rules"
)

// Book makes changes.
type Book struct {
	log Log
	now func() time.Time
}

// NewBook makes a book over a log.
func NewBook(log Log) *Book { return &Book{log: log, now: time.Now} }

// attempts bounds how often a change is tried against others made at the same time.
const attempts = 10

// Note is who makes a change, and why.
type Note struct {
	Author, Reason string
	// Evidence is what is known of the version, such as a backtest's result. Optional.
	Evidence string
}

// errKnown ends reading a log at what it held.
var errKnown = errors.New("all is known")

// State reads the whole log.
func (b *Book) State(ctx context.Context) (*State, error) {
	s := new(State)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := b.log.Follow(ctx, s.Add, func() { stop(errKnown) })
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, errKnown) {
		err = cause
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log of policies: %w", err)
	}
	return s, nil
}

// change appends what make says of the state as it is, again when somebody else was faster.
func (b *Book) change(ctx context.Context, note Note, make func(*State, *Change) error) (*Change, error) {
	for range attempts {
		s, err := b.State(ctx)
		if err != nil {
			return nil, err
		}
		if len(s.Changes) >= MaxChanges {
			return nil, fmt.Errorf("%w: the log is full with %d changes", ErrRefused, MaxChanges)
		}
		c := &Change{N: uint64(len(s.Changes)) + 1, At: b.now().UTC().Truncate(time.Millisecond), Author: note.Author, Reason: note.Reason,
			Evidence: note.Evidence, Prev: s.last}
		if err := make(s, c); err != nil {
			return nil, err
		}
		if err := s.allowed(c); err != nil {
			return nil, err
		}
		data, err := c.encode()
		if err != nil {
			return nil, err
		}
		switch err = b.log.Append(ctx, c.N, data); {
		case err == nil:
			return c, nil
		case !errors.Is(err, ErrTaken):
			return nil, fmt.Errorf("appending to the log of policies: %w", err)
		}
	}
	return nil, fmt.Errorf("%w: others change policies all the time", ErrTaken)
}

// Push stores a version. The text has to be a policy, without faults and with passing tests; the error is of package rules
// where it is not.
func (b *Book) Push(ctx context.Context, text []byte, note Note) (*rules.File, *Change, error) {
	if len(text) > MaxText {
		return nil, nil, fmt.Errorf("%w: the text has %d bytes, limit %d", ErrRefused, len(text), MaxText)
	}
	f, err := rules.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Passes(); err != nil {
		return f, nil, err
	}
	digest, stored := Digest(text), false
	c, err := b.change(ctx, note, func(s *State, c *Change) error {
		c.Kind, c.Tenant, c.Version, c.Digest = Pushed, f.Tenant, f.Policy.Version(), digest
		if err := s.allowed(c); err != nil || stored {
			return err
		}
		// The text first: a change never names a text that is not there.
		if err := b.log.Put(ctx, digest, text); err != nil {
			return fmt.Errorf("storing the text: %w", err)
		}
		stored = true
		return nil
	})
	return f, c, err
}

// Approve lets a version be put in force.
func (b *Book) Approve(ctx context.Context, tenant, version string, note Note) (*Change, error) {
	return b.change(ctx, note, func(_ *State, c *Change) error {
		c.Kind, c.Tenant, c.Version = Approved, tenant, version
		return nil
	})
}

// Activate puts a version in force for a share of a tenant's users, percent. Workers take it over between two records.
func (b *Book) Activate(ctx context.Context, tenant, version string, share float64, note Note) (*Change, error) {
	return b.change(ctx, note, func(s *State, c *Change) error {
		c.Kind, c.Tenant, c.Version, c.Share = Activated, tenant, version, share
		if a := s.active[tenant]; a != nil {
			c.Previous = a.Version
		}
		return nil
	})
}

// Rollback puts in force what was before. It needs no approval: that version has been in force.
func (b *Book) Rollback(ctx context.Context, tenant string, note Note) (*Change, error) {
	return b.change(ctx, note, func(s *State, c *Change) error {
		c.Kind, c.Tenant = RolledBack, tenant
		if a := s.active[tenant]; a != nil {
			c.Previous = a.Version
			if a.before != nil {
				c.Version = a.before.Version
			}
		}
		return nil
	})
}

// TwoPerson switches the two-person rule. Switching it off takes two persons who both ask for it.
func (b *Book) TwoPerson(ctx context.Context, on bool, note Note) (*Change, error) {
	return b.change(ctx, note, func(_ *State, c *Change) error {
		if c.Kind = TwoPersonOff; on {
			c.Kind = TwoPersonOn
		}
		return nil
	})
}

// Text of a stored version.
func (b *Book) Text(ctx context.Context, v Version) ([]byte, error) { return textOf(ctx, b.log, v) }

func textOf(ctx context.Context, log Log, v Version) ([]byte, error) {
	text, err := log.Get(ctx, v.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", v.Version, err)
	}
	if Digest(text) != v.Digest {
		return nil, fmt.Errorf("%w: the text of %s is not the one that was pushed", ErrBroken, v.Version)
	}
	return text, nil
}
