package bench

import (
	"context"
	"maps"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
)

// rows are a table's rows, column by column.
type rows struct {
	table string
	n     int
	cols  []anyColumn
}

type anyColumn interface {
	title() string
	all() any
	clear()
}

// of is a column of Go's type T.
type of[T any] struct {
	name string
	v    []T
}

func (c *of[T]) title() string { return c.name }
func (c *of[T]) all() any      { return c.v }
func (c *of[T]) clear()        { c.v = c.v[:0] }
func (c *of[T]) add(x T)       { c.v = append(c.v, x) }

func column[T any](r *rows, name string) *of[T] {
	c := &of[T]{name: name}
	r.cols = append(r.cols, c)
	return c
}

func (r *rows) clear() {
	r.n = 0
	for _, c := range r.cols {
		c.clear()
	}
}

// settings of every insert: those of the sink, whose rows come the same way.
var settings = map[string]string{
	"insert_deduplicate": "1", "deduplicate_blocks_in_dependent_materialized_views": "1", "async_insert": "0",
	"max_partitions_per_insert_block": "0", "max_execution_time": "0", "optimize_on_insert": "0",
}

// insert sends rows as one native block under a deduplication token.
func (r *rows) insert(ctx context.Context, to *native.Client, table, token string) error {
	if r.n == 0 {
		return nil
	}
	with := maps.Clone(settings)
	with["insert_deduplication_token"] = token
	columns := make([]native.Column, len(r.cols))
	for i, c := range r.cols {
		columns[i] = native.Column{Name: c.title(), Values: c.all()}
	}
	return to.Insert(ctx, table, columns, with)
}
