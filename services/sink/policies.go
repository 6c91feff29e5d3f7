package sink

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/policylog"
)

// copyPolicies copies the log of policies into ClickHouse as it grows, until ctx ends.
func (s *Service) copyPolicies(ctx context.Context) {
	if s.policies == nil {
		return
	}
	for ctx.Err() == nil {
		err := s.copyChanges(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("policy changes cannot be copied, trying again", "error", err)
		sleep(ctx, s.cfg.BackoffMax)
	}
}

func (s *Service) copyChanges(ctx context.Context) error {
	if s.prepare != nil {
		if err := s.prepare(ctx); err != nil {
			return err
		}
	}
	var done uint64
	one, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	err := s.books.conn.QueryRow(one, "SELECT max(n) FROM "+s.cfg.table("policy_changes")).Scan(&done)
	cancel()
	if err != nil {
		return fmt.Errorf("reading policy changes: %w", err)
	}
	// The fold tells whether the log is whole; what is not, is not copied.
	state := new(policylog.State)
	err = s.policies.Follow(ctx, func(n uint64, data []byte) error {
		if err := state.Add(n, data); err != nil {
			return err
		}
		if n <= done {
			return nil
		}
		return s.copyChange(ctx, &state.Changes[n-1], policylog.Digest(data))
	}, func() {})
	if err != nil {
		return fmt.Errorf("following the log of policies: %w", err)
	}
	return nil
}

// copyChange inserts one change under a token, so that two sinks or a lost answer leave one row.
func (s *Service) copyChange(ctx context.Context, c *policylog.Change, hash string) error {
	text := ""
	if c.Kind == policylog.Pushed {
		stored, err := s.policies.Get(ctx, c.Digest)
		if err != nil {
			return fmt.Errorf("reading the text of %s: %w", c.Version, err)
		}
		text = string(stored)
	}
	t := table{name: s.cfg.table("policy_changes")}
	add := func(name string, values any) { t.columns = append(t.columns, column{name, values}) }
	for _, x := range []struct{ name, value string }{
		{"kind", string(c.Kind)}, {"tenant", c.Tenant}, {"version", c.Version}, {"previous", c.Previous}, {"author", c.Author},
		{"reason", c.Reason}, {"evidence", c.Evidence}, {"digest", c.Digest}, {"text", text}, {"hash", hash}, {"prev", c.Prev},
	} {
		add(x.name, []string{x.value})
	}
	add("n", []uint64{c.N})
	add("share", []float64{c.Share})
	add("at", []time.Time{c.At})
	one, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return insert(one, s.books.conn, t, "policy_changes/"+strconv.FormatUint(c.N, 10))
}
