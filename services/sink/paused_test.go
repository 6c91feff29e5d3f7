package sink

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
)

// pausing is a connection of a process that is stopped after its first insert of decisions.
type pausing struct {
	driver.Conn
	reached, resume chan struct{}
	done            bool
}

func (p *pausing) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	b, err := p.Conn.PrepareBatch(ctx, query, opts...)
	if err != nil || p.done || !strings.HasPrefix(query, "INSERT INTO events ") {
		return b, err
	}
	p.done = true
	return &pausingBatch{b, p}, nil
}

type pausingBatch struct {
	driver.Batch
	p *pausing
}

func (b *pausingBatch) Send() error {
	err := b.Batch.Send()
	close(b.p.reached)
	<-b.p.resume
	return err
}

func TestASinkThatWasStoppedForLongDoesNotDoubleRows(t *testing.T) {
	opt, conn := database(t)
	// A deduplication window that a few inserts pass, as a fast backfill passes the real one.
	for _, table := range []string{"ledger", "events", "features", "signals", "enforcement", "dead_letters", "activity_5m", "part_hour", "user_day", "decided_hour", "decided_5m"} {
		if err := conn.Exec(t.Context(), "ALTER TABLE "+table+" MODIFY SETTING non_replicated_deduplication_window = 2"); err != nil {
			t.Fatal(err)
		}
	}
	l := newLedger(t, 1)
	l.batch(0, 26)
	cfg := testConfig(1)
	p := &pausing{Conn: conn, reached: make(chan struct{}), resume: make(chan struct{})}
	stopped := run(t, l, cfg, p)
	<-p.reached
	began := time.Now()

	other := run(t, l, cfg, enginetest.Open(t, opt))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 5 { // each a batch of its own
		if err := other.Drained(ctx); err != nil {
			t.Fatal(err)
		}
		l.batch(0, 26)
	}
	if err := other.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	other.stop()
	time.Sleep(booksTrust + 100*time.Millisecond - time.Since(began)) // it was stopped for longer than that
	close(p.resume)
	l.batch(0, 5)
	if err := stopped.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	stopped.stop()
	l.check(t, conn)
}
