package backtest

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
)

// spansPerWorker is into how many spans users are divided for each worker, so that none waits long for the last.
const spansPerWorker = 2

// Record is the history in ClickHouse: events as they were judged, and digests of the decisions that were made.
type Record struct {
	Conn driver.Conn
	// Filter says which events to read; the zero value: all. One that leaves out what came before leaves profiles without what
	// they had learned from it, and decisions cannot be expected to be the same.
	Filter eventrow.Filter
}

// Size counts the events to read. gone is how many more were judged, by the ledger, and are no longer there.
func (r *Record) Size(ctx context.Context) (events, gone uint64, err error) {
	if err = r.Conn.QueryRow(ctx, "SELECT count() FROM events").Scan(&events); err != nil {
		return 0, 0, fmt.Errorf("counting events: %w", err)
	}
	var judged uint64
	if err = r.Conn.QueryRow(ctx, "SELECT sum(n) FROM (SELECT max(total_scored) + max(total_late) AS n FROM ledger GROUP BY partition)").Scan(&judged); err != nil {
		return 0, 0, fmt.Errorf("reading the ledger: %w", err)
	}
	return events, judged - min(judged, events), nil
}

// Backtest plays the record: user by user, in memory that does not grow with it, or, where a threshold adapts to what
// others do, in the order of the journal.
func (r *Record) Backtest(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Live == nil || cfg.New == nil {
		return nil, errNothing
	}
	if err := cfg.settle(); err != nil {
		return nil, err
	}
	if Adapts(cfg.Live) || Adapts(cfg.New) {
		f := r.Filter
		f.Journal = true
		return Run(ctx, cfg, r.source(f))
	}
	filters, err := eventrow.Split(ctx, r.Conn, r.Filter, cfg.Workers*spansPerWorker)
	if err != nil {
		return nil, err
	}
	spans := make([]Source, len(filters))
	for i, f := range filters {
		spans[i] = r.source(f)
	}
	return RunUsers(ctx, cfg, spans)
}

func (r *Record) source(f eventrow.Filter) Source {
	return func(ctx context.Context, hand func(Item) error) error {
		var made Made
		var versions string
		return eventrow.Read(ctx, r.Conn, f, func(s eventrow.Stored) error {
			if s.Versions != versions {
				versions = s.Versions
				made.Policy, made.Baseline, made.Engine, made.Geo = eventrow.SplitVersions(versions)
			}
			it := Item{Event: s.Event, Enrichment: s.Enrichment, Made: made, Revision: s.Revision}
			it.Made.Digest = s.Decision
			return hand(it)
		})
	}
}
