package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Persisted is how far one partition of the journal is in ClickHouse.
type Persisted struct {
	Partition uint16
	Seq       uint64
	// Decided is when its last record was made, Saved when it was written here.
	Decided, Saved time.Time
}

// Persisted is how far each partition is, by partition.
func (r *Reader) Persisted(ctx context.Context) ([]Persisted, error) {
	var out []Persisted
	err := r.ask(ctx, "persisted", args{}, func(rows driver.Rows) error {
		var p Persisted
		err := rows.Scan(&p.Partition, &p.Seq, &p.Decided, &p.Saved)
		out = append(out, p)
		return err
	})
	return out, err
}
