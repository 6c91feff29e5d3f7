package story

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Challenge is one step-up from the first revision to where it stands.
type Challenge struct {
	Tenant, ID, User, Session string
	// EventID is the event that raised it, Cause and Rule why, Reasons the part codes, strongest first.
	EventID, Cause, Rule string
	Reasons              []string
	Risk                 float64
	Issued, Expires      time.Time // event time
	// State now, LastCause of the last change, at event time Changed.
	State, LastCause string
	Changed          time.Time
	Revisions        uint64
	RaisedAt         time.Time // riskd's clock
	// Decision is the one that raised it; nil when it is not there any more.
	Decision *Decision
}

// ChallengeFilter narrows the list; empty values do not filter.
type ChallengeFilter struct {
	Tenant, User, Session string
	// State is where it stands now: required, satisfied, denied, cancelled or expired.
	State string
	// Since, by riskd's clock. Zero: the last 30 days are not looked behind.
	Since time.Time
	Limit int
}

// Challenges lists challenges, newest first, with the decisions that raised them.
func (r *Reader) Challenges(ctx context.Context, f ChallengeFilter) ([]Challenge, error) {
	since := f.Since
	if since.IsZero() {
		since = time.Now().Add(-30 * 24 * time.Hour)
	}
	var out []Challenge
	err := r.ask(ctx, "challenges", args{"since": since, "tenant": f.Tenant, "user": f.User, "session": f.Session, "state": f.State, "limit": limit(f.Limit)},
		func(rows driver.Rows) error {
			var c Challenge
			err := rows.Scan(&c.Tenant, &c.ID, &c.User, &c.Session, &c.EventID, &c.Cause, &c.Rule, &c.Reasons, &c.Risk, &c.Issued, &c.Expires,
				&c.State, &c.LastCause, &c.Changed, &c.Revisions, &c.RaisedAt)
			out = append(out, c)
			return err
		})
	if err != nil || len(out) == 0 {
		return out, err
	}
	return out, r.attach(ctx, out)
}

// attach looks up the decisions that raised challenges, tenant by tenant.
func (r *Reader) attach(ctx context.Context, cs []Challenge) error {
	byTenant := map[string][]int{}
	for i, c := range cs {
		byTenant[c.Tenant] = append(byTenant[c.Tenant], i)
	}
	for tenant, list := range byTenant {
		events := make([]string, 0, len(list))
		for _, i := range list {
			events = append(events, cs[i].EventID)
		}
		slices.Sort(events)
		ds, err := r.decisions(ctx, "decisions_of_events", args{"tenant": tenant, "events": slices.Compact(events), "limit": uint32(2 * MaxRows)})
		if err != nil {
			return err
		}
		for _, i := range list {
			for k := range ds {
				if ds[k].EventID == cs[i].EventID && ds[k].Session == cs[i].Session {
					cs[i].Decision = &ds[k]
					break
				}
			}
		}
	}
	return nil
}
