package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	"github.com/riskd-io/riskd/pkg/policylog"
)

// knownWait bounds reading the log of policies.
const knownWait = 30 * time.Second

// follow reads the installation's log of policies, so that each decision on record is compared with what the version that
// was in force then gives. With no new policy, what is in force now is played.
func (b *backtesting) follow(ctx context.Context, in *installation, cfg *backtest.Config) (stop func(), err error) {
	log, err := in.policies(ctx)
	if err != nil {
		return nil, err
	}
	keeper, err := policylog.NewKeeper(policylog.KeeperConfig{Log: log, Base: b.base, Baseline: b.population, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = keeper.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	wait, cancelWait := context.WithTimeout(ctx, knownWait)
	defer cancelWait()
	now, revision, err := keeper.Wait(wait, 0)
	if err == nil {
		err = keeper.Ready()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("reading the log of policies: %w", err)
	}
	cfg.LiveAt = func(revision uint64) (backtest.Engine, error) { return keeper.At(ctx, revision) }
	if revision > 0 {
		b.liveVersions = now.Versions()
		if b.next == "" {
			cfg.New, b.nextVersions = now, now.Versions()
		}
	}
	return stop, nil
}

// played opens the history of a running riskd.
func (b *backtesting) played(ctx context.Context, in *installation, cfg *backtest.Config, bar *progress) (func(context.Context) (*backtest.Report, error), error) {
	cfg.Partitions = in.partitions
	if b.source == "journal" {
		total, err := backtest.JournalSize(ctx, in, in.partitions)
		bar.total = int64(total)
		return func(ctx context.Context) (*backtest.Report, error) {
			return backtest.Run(ctx, *cfg, backtest.JournalOf(in, in.partitions, func(n uint64) { b.trimmed += n }))
		}, err
	}
	b.db.data = b.geo.data
	conn, err := b.db.open()
	if err != nil {
		return nil, err
	}
	record := &backtest.Record{Conn: conn}
	events, gone, err := record.Size(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading ClickHouse: %w (-source journal reads the broker's journal instead)", err), conn.Close())
	}
	bar.total, b.trimmed = int64(events), gone
	if b.warmUp != "" {
		before, err := days(b.warmUp)
		if err != nil || cfg.From.IsZero() {
			return nil, errors.Join(usageError("-warm-up: want a duration such as 90d or 36h, and -from with it"), conn.Close())
		}
		record.Filter.Since, b.cut, bar.total = cfg.From.Add(-before), true, 0
		b.warmUp = record.Filter.Since.Format(time.RFC3339)
	}
	return func(ctx context.Context) (*backtest.Report, error) {
		report, err := record.Backtest(ctx, *cfg)
		if errors.Is(err, eventrow.ErrInexact) {
			err = fmt.Errorf("%w: an older riskd wrote it; riskctl rebuild writes ClickHouse anew from the journal, and -source journal reads that", err)
		}
		return report, errors.Join(err, conn.Close())
	}, nil
}

// unit is what is counted as trimmed.
func (b *backtesting) unit() string {
	if b.source == "journal" {
		return "records of the journal"
	}
	return "events"
}

// days reads a duration, d being days.
func days(text string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		d, err := strconv.ParseUint(n, 10, 16)
		return time.Duration(d) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = errors.New("negative")
	}
	return d, err
}
