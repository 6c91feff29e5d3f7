package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// connIdle is after how long an unused connection of a partition's client is closed: below the brokers' own 10 min.
	connIdle = 9 * time.Minute
	// connRecent is how lately a connection was used whose end means that its broker went away.
	connRecent = time.Minute
	// lookEvery is the pause between two looks at what became of the last transaction while no broker answers.
	lookEvery = 500 * time.Millisecond
	// endedPatience is how long the end of the last transaction may take to be written after a connection was lost.
	endedPatience = 3 * time.Second
)

// claimed is a transactional id that is ours, with the client that writes under it. It notices that a broker went away under the
// client: the end of the last transaction may then never be written (see orphans.go), and what came after it in the same place under
// the same id would share its fate. So nothing is written under it after a loss before that is looked into, and a transaction
// that is under way is given up.
type claimed struct {
	l   *partitionLog // nil for other transactions than a partition's
	txn string
	cl  *kgo.Client

	mu      sync.Mutex
	lost    bool
	looking bool
	left    bool
	busy    bool // a transaction is under way
}

// begin starts a transaction. After a loss it makes sure first that nothing is open.
func (c *claimed) begin(ctx context.Context) error {
	if err := c.settle(ctx, true); err != nil {
		return err
	}
	if err := c.cl.BeginTransaction(); err != nil {
		c.end()
		return fmt.Errorf("beginning: %w", err)
	}
	return nil
}

// settle makes sure after a loss that nothing is open.
func (c *claimed) settle(ctx context.Context, busy bool) error {
	for {
		c.mu.Lock()
		if !c.lost {
			c.busy = busy
			c.mu.Unlock()
			return nil
		}
		c.lost = false
		c.mu.Unlock()
		if err := c.l.ended(ctx, c); err != nil {
			c.mu.Lock()
			c.lost = true
			c.mu.Unlock()
			return err
		}
	}
}

// close ends the client by our own will, without ending its transaction.
func (c *claimed) close() {
	c.mu.Lock()
	c.left = true
	c.mu.Unlock()
	c.cl.Close()
}

func (c *claimed) looked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looking = false
}

func (c *claimed) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
}

// OnBrokerDisconnect ends the client whose transaction is under way, before it can send anything again. When none is, readers may wait
// for the end of the last one, so that is looked into.
func (c *claimed) OnBrokerDisconnect(meta kgo.BrokerMetadata, conn net.Conn) {
	if u, ok := conn.(*brokerConn); c.l == nil || meta.NodeID < 0 || ok && u.idle() > connRecent { // a seed, or not used
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return
	}
	c.lost = true
	if c.busy {
		c.busy = false
		c.l.b.task(c.cl.Close)
	} else if !c.looking {
		c.looking = true
		c.l.b.task(func() { c.l.look(c) })
	}
}

// ended waits until no transaction under an id of ours is open any more; errUnclaimed is wrapped when that does not come. The turn is held.
func (l *partitionLog) ended(ctx context.Context, c *claimed) error {
	for deadline := time.Now().Add(endedPatience); ; {
		found, err := l.b.orphans(ctx, []*claimed{c}, l.places())
		switch {
		case err == nil && len(found) == 0:
			return nil
		case err != nil:
			return err
		case time.Now().After(deadline) || !sleep(ctx, 4*settlePoll):
			return fmt.Errorf("%w: the end of the last transaction is not written since a broker went away", errUnclaimed)
		}
	}
}

// look runs ended once a broker answers again, and ends what does not end by itself. Then the owner has to claim the partition again
// before it appends.
func (l *partitionLog) look(c *claimed) {
	defer c.looked()
	for open := false; sleep(l.b.ctx, lookEvery); {
		ctx, cancel := context.WithTimeout(l.b.ctx, openTimeout)
		done := l.lock(ctx) == nil
		if done {
			switch {
			case open && l.ids == nil:
				ids, err := l.claim(ctx, nil)
				if done = err == nil; done {
					closeAll(ids)
				}
			case slices.Contains(l.ids, c):
				err := c.settle(ctx, false)
				done = err == nil || isFenced(err)
				if open = errors.Is(err, errUnclaimed); open {
					l.drop()
				}
			}
			l.unlock()
		}
		cancel()
		if done {
			return
		}
	}
}
