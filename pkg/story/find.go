package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Found is one thing of a looked-for name.
type Found struct {
	// Kind is user, session, event or challenge.
	Kind   string
	Tenant string
	// ID is the name itself, for a challenge its session's.
	ID   string
	Last time.Time
	Rows uint64
}

// Find says what has this exact name, the last seen first. An empty answer is not an error.
func (r *Reader) Find(ctx context.Context, q string) ([]Found, error) {
	var out []Found
	err := r.ask(ctx, "find", args{"q": q, "limit": uint32(50)}, func(rows driver.Rows) error {
		var f Found
		err := rows.Scan(&f.Kind, &f.Tenant, &f.ID, &f.Last, &f.Rows)
		out = append(out, f)
		return err
	})
	return out, err
}
