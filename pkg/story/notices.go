package story

import (
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Notice is what a rule that only notifies has said of an event.
type Notice struct {
	// ID is its place in the ledger, partition:record:number.
	ID, Tenant, User, Session, EventID string
	Time                               time.Time // event time
	Action, ResourceType, ResourceID   string
	// Rule that applied, in Policy (name@version).
	Rule, Policy string
	Risk         float64
	// Decision is what was decided all the same: allow, step_up or deny.
	Decision string
	// ReasonUser and ReasonAnalyst are the rule's own words; empty when it has none.
	ReasonUser, ReasonAnalyst string
}

// Did says what the event was, e.g. "exported report payroll".
func (n *Notice) Did() string {
	what := n.ResourceType
	if n.ResourceID != "" {
		what += " " + n.ResourceID
	}
	return did(n.Action, "", strings.TrimSpace(what))
}

// NoticeFilter narrows the list; empty values do not filter.
type NoticeFilter struct {
	Tenant, User, Rule string
	// Since, event time.
	Since time.Time
	Limit int
}

// Notices lists what rules have said, the newest first.
func (r *Reader) Notices(ctx context.Context, f NoticeFilter) ([]Notice, error) {
	var out []Notice
	err := r.ask(ctx, "notices", args{"since": f.Since, "tenant": f.Tenant, "user": f.User, "rule": f.Rule, "limit": limit(f.Limit)}, func(rows driver.Rows) error {
		var n Notice
		err := rows.Scan(&n.Tenant, &n.Time, &n.User, &n.Session, &n.EventID, &n.Action, &n.ResourceType, &n.ResourceID, &n.Rule, &n.Policy, &n.Risk, &n.Decision,
			&n.ReasonUser, &n.ReasonAnalyst, &n.ID)
		out = append(out, n)
		return err
	})
	return out, err
}

// NoticesOfRule is how often a rule spoke, and about how many users.
type NoticesOfRule struct {
	Rule           string
	Notices, Users uint64
	Last           time.Time // event time
}

// NoticesByRule counts notices by their rule, the most frequent first. The filter's rule does not count.
func (r *Reader) NoticesByRule(ctx context.Context, f NoticeFilter) ([]NoticesOfRule, error) {
	var out []NoticesOfRule
	err := r.ask(ctx, "notices_by_rule", args{"since": f.Since, "tenant": f.Tenant, "user": f.User, "limit": limit(f.Limit)}, func(rows driver.Rows) error {
		var n NoticesOfRule
		err := rows.Scan(&n.Rule, &n.Notices, &n.Users, &n.Last)
		out = append(out, n)
		return err
	})
	return out, err
}
