package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// open reads what an earlier run left, and refuses a database that holds anything else.
func (b *bench) open(ctx context.Context) error {
	for _, s := range []string{
		"CREATE TABLE IF NOT EXISTS bench_chunks (first UInt64, last UInt64, took_s Float64, rows UInt64, days UInt16, end DateTime('UTC')) ENGINE = MergeTree ORDER BY first",
		earlyDDL,
		copiesDDL,
	} {
		if err := b.conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("preparing the database: %w", err)
		}
	}
	var loaded, size, chunk uint64
	var days uint16
	var end time.Time
	if err := b.conn.QueryRow(ctx, "SELECT toUInt64(sum(last - first)), max(rows), max(days), max(end), toUInt64(max(last - first)) FROM bench_chunks").Scan(&loaded, &size, &days, &end, &chunk); err != nil {
		return fmt.Errorf("looking at the database: %w", err)
	}
	found, err := scalar(ctx, b.conn, "SELECT toFloat64(count()) FROM features")
	switch {
	case err != nil:
		return fmt.Errorf("looking at the database: %w", err)
	case loaded == 0 && found > 0:
		return fmt.Errorf("the database holds %.0f decisions that are not of a bench; it needs an empty one", found)
	case loaded > 0 && (size != b.cfg.Rows || int(days) != b.cfg.Days):
		return fmt.Errorf("the database is one of a bench with %d rows over %d days", size, days)
	case loaded > 0:
		b.cfg.End, b.cfg.Chunk = end, chunk
		b.say("%d of %d decisions are here from before", loaded, size)
	}
	return b.readEarly(ctx)
}

// load makes the decisions from ≤ n < to that are not there yet, and says how far it is: one goroutine makes them while
// others insert what is made.
func (b *bench) load(ctx context.Context, from, to uint64) error {
	done := map[uint64]bool{}
	rows, err := b.conn.Query(ctx, "SELECT first FROM bench_chunks")
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	for rows.Next() {
		var first uint64
		if err := rows.Scan(&first); err != nil {
			return errors.Join(err, rows.Close())
		}
		done[first] = true
	}
	if err := rows.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	full, empty := make(chan *batch, 1), make(chan *batch, b.cfg.Writers+1)
	for range b.cfg.Writers + 1 {
		empty <- newBatch()
	}
	l := &loading{b: b, began: time.Now(), said: time.Now(), last: time.Now()}
	for at := from; at < to; at += b.cfg.Chunk {
		if !done[at] {
			l.want += min(b.cfg.Chunk, to-at)
		}
	}
	var writers sync.WaitGroup
	for range b.cfg.Writers {
		writers.Go(func() {
			for one := range full {
				if err := l.write(ctx, one); err != nil {
					cancel(err)
				}
				empty <- one
			}
		})
	}
	w := newWorld(b.cfg)
	w.from = w.at(from)
	for at := from; at < to && ctx.Err() == nil && !b.late(); at += b.cfg.Chunk {
		if done[at] {
			continue
		}
		one := <-empty
		w.fill(one, at, min(at+b.cfg.Chunk, to))
		full <- one
	}
	close(full)
	writers.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	return nil
}

// loading is how far it is.
type loading struct {
	b *bench

	mu                sync.Mutex
	began, said, last time.Time
	made, want        uint64
}

// write inserts a batch's tables, one after the other as the sink does, and notes that it is there.
func (l *loading) write(ctx context.Context, one *batch) error {
	for _, t := range one.tables() {
		if err := t.insert(ctx, l.b.to, t.table, fmt.Sprintf("bench/%d/%s", one.number, t.table)); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := uint64(one.features.n)
	now := time.Now()
	// What all writers together took for it: the time since the one before was there.
	took := now.Sub(l.last).Seconds()
	l.last, l.made = now, l.made+n
	err := l.b.conn.Exec(ctx, fmt.Sprintf("INSERT INTO bench_chunks SELECT %d, %d, %f, %d, %d, toDateTime(%d)", one.number, one.number+n, took, l.b.cfg.Rows, l.b.cfg.Days, l.b.cfg.End.Unix()))
	if err != nil {
		return fmt.Errorf("noting a chunk: %w", err)
	}
	if now.Sub(l.said) > 10*time.Second || l.made == l.want {
		l.said = now
		rate := float64(l.made) / now.Sub(l.began).Seconds()
		l.b.say("loading: %d of %d decisions, %.0f a second, %s left", l.made, l.want, rate, time.Duration(float64(l.want-l.made)/rate*float64(time.Second)).Round(time.Second))
	}
	return nil
}

// scalar reads one number.
func scalar(ctx context.Context, conn driver.Conn, query string) (float64, error) {
	var v float64
	err := conn.QueryRow(ctx, query).Scan(&v)
	return v, err
}
