package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Look is one look or action of somebody at the console.
type Look struct {
	At                            time.Time
	Actor, Role, Action           string
	Tenant, User, Subject, Detail string
	Address                       string
}

// LookFilter narrows the looks; empty values do not filter.
type LookFilter struct {
	Actor, Tenant, User string
	Limit               int
}

// Looks are who looked at what since a moment of the console's clock, newest first.
func (r *Reader) Looks(ctx context.Context, f LookFilter, since time.Time) ([]Look, error) {
	var out []Look
	err := r.ask(ctx, "console_audit", args{"since": since, "actor": f.Actor, "tenant": f.Tenant, "user": f.User, "limit": limit(f.Limit)}, func(rows driver.Rows) error {
		var l Look
		err := rows.Scan(&l.At, &l.Actor, &l.Role, &l.Action, &l.Tenant, &l.User, &l.Subject, &l.Detail, &l.Address)
		out = append(out, l)
		return err
	})
	return out, err
}
