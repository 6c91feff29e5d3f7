package sink

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// column is a table's column and its values, one per row.
type column struct {
	name string
	// values is a slice of the column's Go type; all columns of a table are of one length.
	values any
}

// table is what goes into one table at a time.
type table struct {
	name    string
	columns []column
}

// insert sends a table as one block under a deduplication token: a second insert under the same token
// changes neither the table nor what views make of it.
func insert(ctx context.Context, conn driver.Conn, t table, token string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         token,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		// The answer must mean that the rows are there.
		"async_insert": 0,
		// Merging a block's rows before it is written costs four times the insert itself (measured), and finds nothing: a
		// batch holds no row twice.
		"optimize_on_insert": 0,
		// Event times are the apps'; odd ones must not stop a batch.
		"max_partitions_per_insert_block": 0,
	}))
	var q strings.Builder
	q.WriteString("INSERT INTO " + t.name + " (")
	for i, c := range t.columns {
		if i > 0 {
			q.WriteString(", ")
		}
		q.WriteString(c.name)
	}
	q.WriteString(")")
	batch, err := conn.PrepareBatch(ctx, q.String())
	if err != nil {
		return fmt.Errorf("preparing insert into %s: %w", t.name, err)
	}
	defer batch.Close()
	for i, c := range t.columns {
		if err := batch.Column(i).Append(c.values); err != nil {
			return fmt.Errorf("filling column %s of %s: %w", c.name, t.name, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("inserting into %s: %w", t.name, err)
	}
	return nil
}
