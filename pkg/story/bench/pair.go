package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/clickhouse/native"
)

// pairRows are the decisions of one insert of the pair, pairRounds how often each is made.
const (
	pairRows   = 50_000
	pairRounds = 3
)

// pair inserts the same decisions, with all that hangs on them, into tables with all views and into the same tables without
// any, turn by turn by one writer, in a database that is dropped after: what the views cost an insert, whatever else the machine does.
func (b *bench) pair(ctx context.Context) (err error) {
	opt := *b.opt
	opt.Auth.Database = b.opt.Auth.Database + "_bench_pair"
	drop := func() error { return b.conn.Exec(ctx, "DROP DATABASE IF EXISTS `"+opt.Auth.Database+"` SYNC") }
	if err := drop(); err != nil {
		return fmt.Errorf("inserting a pair: %w", err)
	}
	defer func() { err = errors.Join(err, drop()) }()
	if _, err := migrate.Up(ctx, &opt, migrate.DefaultConfig(), slog.New(slog.DiscardHandler)); err != nil {
		return fmt.Errorf("inserting a pair: %w", err)
	}
	to, err := native.New(&opt)
	if err != nil {
		return fmt.Errorf("inserting a pair: %w", err)
	}
	defer to.Close()
	one := newBatch()
	for _, t := range one.tables() {
		if err := b.conn.Exec(ctx, fmt.Sprintf("CREATE TABLE `%[1]s`.alone_%[2]s AS `%[1]s`.%[2]s", opt.Auth.Database, t.table)); err != nil {
			return fmt.Errorf("inserting a pair: %w", err)
		}
	}
	w := newWorld(b.cfg)
	n := min(pairRows, b.cfg.Chunk)
	var took [2][]float64 // with views, without
	for round := range uint64(pairRounds) {
		w.fill(one, round*n, (round+1)*n)
		for turn := range 2 {
			which := (turn + int(round)) % 2 // neither is always the first
			start := time.Now()
			for _, t := range one.tables() {
				if err := t.insert(ctx, to, []string{"", "alone_"}[which]+t.table, fmt.Sprintf("pair/%d/%d/%s", which, round, t.table)); err != nil {
					return err
				}
			}
			took[which] = append(took[which], time.Since(start).Seconds())
		}
	}
	with, without := quantile(took[0], 0.5), quantile(took[1], 0.5)
	b.say("\ninsert of %d decisions by one writer, median of %d: with all views %.0f a second, without views %.0f, ratio %.2f",
		n, pairRounds, float64(n)/with, float64(n)/without, without/with)
	return nil
}
