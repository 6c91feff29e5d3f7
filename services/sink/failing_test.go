package sink

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	"github.com/riskd-io/riskd/pkg/journal"
)

var errDead = errors.New("the connection died")

// failing is a connection that dies at one step and stays dead until it is healed. A step is a query, or
// preparing or sending a batch.
type failing struct {
	driver.Conn
	// blocks sends the batches where it is there.
	blocks BlockInserter
	at     int
	// acted lets the server do what the deadly step asked, but keeps the answer.
	acted bool

	mu    sync.Mutex
	step  int
	died  chan struct{}
	whole bool
}

// next counts a step; it returns whether to ask the server, and whether to hide the answer.
func (f *failing) next() (ask, hide bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step++
	if f.whole || f.step < f.at {
		return true, false
	}
	if f.step == f.at {
		close(f.deadLocked())
		return f.acted, true
	}
	return false, true
}

func (f *failing) deadLocked() chan struct{} {
	if f.died == nil {
		f.died = make(chan struct{})
	}
	return f.died
}

func (f *failing) dead() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deadLocked()
}

func (f *failing) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step >= f.at
}

func (f *failing) attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step
}

func (f *failing) heal() {
	f.mu.Lock()
	f.whole = true
	f.mu.Unlock()
}

func (f *failing) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	ask, hide := f.next()
	if !ask {
		return nil, errDead
	}
	rows, err := f.Conn.Query(ctx, query, args...)
	if hide {
		if err == nil {
			_ = rows.Close()
		}
		return nil, errDead
	}
	return rows, err
}

func (f *failing) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	ask, hide := f.next()
	if !ask || hide {
		return nil, errDead
	}
	b, err := f.Conn.PrepareBatch(ctx, query, opts...)
	if err != nil {
		return nil, err
	}
	return &failingBatch{b, f}, nil
}

func (f *failing) Insert(ctx context.Context, table string, columns []native.Column, settings map[string]string) error {
	ask, hide := f.next()
	if !ask {
		return errDead
	}
	err := f.blocks.Insert(ctx, table, columns, settings)
	if hide {
		return errDead
	}
	return err
}

type failingBatch struct {
	driver.Batch
	f *failing
}

func (b *failingBatch) Send() error {
	ask, hide := b.f.next()
	if !ask {
		return errDead
	}
	err := b.Batch.Send()
	if hide {
		return errDead
	}
	return err
}

// counting counts reads of the journal.
type counting struct {
	JournalSource
	n atomic.Int64
}

func (c *counting) Next(ctx context.Context, partition int, after uint64, max int) ([]journal.Stored, error) {
	c.n.Add(1)
	return c.JournalSource.Next(ctx, partition, after, max)
}
