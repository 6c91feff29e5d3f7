package console

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/rules"
)

// trials plays what an installation has on record: in ClickHouse, or in its journal.
type trials struct {
	record     driver.Conn
	logs       broker.Logs
	keeper     *policylog.Keeper
	partitions int
}

// NewTrials backtests over the record in ClickHouse and over the journal, with what keeper says was live.
func NewTrials(record driver.Conn, logs broker.Logs, keeper *policylog.Keeper, partitions int) Trials {
	return trials{record, logs, keeper, partitions}
}

// Backtest implements [Trials].
func (n trials) Backtest(ctx context.Context, f *rules.File, journal bool, cfg backtest.Config) (*backtest.Report, error) {
	if _, _, err := n.keeper.Wait(ctx, 0); err != nil {
		return nil, err
	}
	start, err := n.keeper.At(ctx, 0)
	if err != nil {
		return nil, err
	}
	next, err := n.keeper.Try(ctx, f)
	if err != nil {
		return nil, err
	}
	cfg.New = next
	cfg.Live, cfg.Partitions = start, n.partitions
	cfg.LiveAt = func(revision uint64) (backtest.Engine, error) { return n.keeper.At(ctx, revision) }
	if !journal {
		record := &backtest.Record{Conn: n.record}
		return record.Backtest(ctx, cfg)
	}
	return backtest.Run(ctx, cfg, backtest.JournalOf(n.logs, n.partitions, nil))
}
