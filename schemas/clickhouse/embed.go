// Package clickhouse holds riskd's ClickHouse schema: numbered files, applied in order and never
// edited once released. Package pkg/clickhouse/migrate renders and applies them; a later change is
// a new file with the next number.
//
// The files are templates, so that one server and a cluster are built from the same text:
//
//	{{.Local}}        suffix of the tables that hold rows: empty, or _local where they are sharded
//	{{.OnCluster}}    empty, or the ON CLUSTER clause
//	{{.Engine "X"}}   X, or its Replicated form
//	{{.Dedup}}        the settings that make a repeated insert harmless
//	{{.TTL "t" "c"}}  table t's retention, counted from its column c; empty when rows are kept for ever
//	{{.Distributed "t" "k"}}  empty, or the table over all shards with sharding key k
//
// Every statement must be harmless when it runs twice, or twice at once. Every table and column
// has a comment, every file an example query in its head; both are tested.
//
// Files is read-only and safe for concurrent use.
package clickhouse

import "embed"

// Files are the numbered schema files, NNN_name.sql.
//
//go:embed *.sql
var Files embed.FS
