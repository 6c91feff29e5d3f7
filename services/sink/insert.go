package sink

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
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

// settings of every insert.
var settings = map[string]string{
	"insert_deduplicate": "1",
	"deduplicate_blocks_in_dependent_materialized_views": "1",
	// The answer must mean that the rows are there.
	"async_insert": "0",
	// Merging a block's rows before it is written costs four times the insert itself (measured), and finds nothing: a
	// batch holds no row twice.
	"optimize_on_insert": "0",
	// Event times are the apps'; odd ones must not stop a batch.
	"max_partitions_per_insert_block": "0",
}

const tokenSetting = "insert_deduplication_token"

// insert sends a table as one block under a deduplication token, the cheaper way where there is one.
func (s *Service) insert(ctx context.Context, t table, token string) error {
	if s.native == nil {
		return insert(ctx, s.books.conn, t, token)
	}
	columns := make([]native.Column, len(t.columns))
	for i, c := range t.columns {
		columns[i] = native.Column{Name: c.name, Values: c.values}
	}
	with := maps.Clone(settings)
	with[tokenSetting] = token
	return s.native.Insert(ctx, t.name, columns, with)
}

// insert sends a table as one block under a deduplication token: a second insert under the same token
// changes neither the table nor what views make of it.
func insert(ctx context.Context, conn driver.Conn, t table, token string) error {
	with := clickhouse.Settings{tokenSetting: token}
	for name, value := range settings {
		with[name] = value
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(with))
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
