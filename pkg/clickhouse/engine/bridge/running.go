package bridge

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// The engine gives queries ids of its own that nobody outside learns, and rewrites the text of
// those with parameters. A tag in a setting is how a query is found again to be killed; this
// one means nothing where there is no query cache.
const (
	tagSetting = "query_cache_tag"
	tagPrefix  = "riskd:"
)

// killInterval is how often a kill is repeated until the query has ended: a query that is
// still being parsed cannot be killed yet.
const killInterval = 100 * time.Millisecond

// errClosed means that the bridge is closed.
var errClosed = errors.New("the engine is closed")

// query is one running statement.
type query struct {
	id  string // as the client knows it
	tag string // as the engine knows it
}

// running are the statements by their clients' ids.
type running struct {
	mu   sync.Mutex
	list map[string]*query
}

// start refuses an id that is running already.
func (r *running) start(id string) (*query, *chdb.Exception) {
	q := &query{id: id, tag: tagPrefix + uuid.NewString()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.list[id]; taken {
		return nil, exception(codeSameQueryID, "Query with id = %s is already running.", id)
	}
	r.list[id] = q
	return q, nil
}

func (r *running) end(q *query) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.list, q.id)
}

func (r *running) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}

// control is a connection beside the limit, for what must get through when all others are busy.
type control struct {
	mu   sync.Mutex
	conn *chdb.Conn
}

// kill stops the queries whose tag starts so. It does not wait for them.
func (c *control) kill(tag string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return errClosed
	}
	return c.conn.Exec("KILL QUERY WHERE startsWith(Settings['"+tagSetting+"'], {tag:String}) ASYNC", chdb.Param{Name: "tag", Value: tag})
}

func (c *control) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// killWhenGone kills a query when its client goes away, which is the only thing that ends a
// blocked engine call. The returned function ends the watch, waits for it, and tells whether it fired.
func (b *Bridge) killWhenGone(ctx context.Context, q *query) func() bool {
	over, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		again := time.NewTicker(killInterval)
		defer again.Stop()
		for {
			if err := b.control.kill(q.tag); err != nil {
				b.log.Warn("killing the query of a client that has gone failed", "error", err)
			}
			select {
			case <-over:
				return
			case <-again.C:
			}
		}
	})
	return func() bool {
		if stop() {
			return false
		}
		close(over)
		<-ended
		b.stats.killed.Add(1)
		return true
	}
}
