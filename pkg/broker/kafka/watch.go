package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
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

// watch notices that a broker went away under a partition's client: the end of the last transaction may then never be written
// (see orphans.go), and what came after it in the same place would share its fate. So nothing is written after a loss before
// that is looked into, and a transaction that is under way is given up.
type watch struct {
	l *partitionLog // nil for other transactions than a partition's

	mu      sync.Mutex
	lost    bool
	looking bool
	left    bool
	cl      *kgo.Client // of the transaction under way, else nil
}

// begin starts a transaction. After a loss it makes sure first that nothing is open.
func (w *watch) begin(ctx context.Context, cl *kgo.Client) error {
	for {
		w.mu.Lock()
		if !w.lost {
			w.cl = cl
			w.mu.Unlock()
			return nil
		}
		w.lost = false
		w.mu.Unlock()
		if err := w.l.ended(ctx); err != nil {
			w.mu.Lock()
			w.lost = true
			w.mu.Unlock()
			return err
		}
	}
}

// leave tells that the connections are going to end by our own will.
func (w *watch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
}

func (w *watch) looked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = false
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cl = nil
}

// OnBrokerDisconnect ends the client whose transaction is under way, before it can send anything again. When none is, readers may wait
// for the end of the last one, so that is looked into.
func (w *watch) OnBrokerDisconnect(meta kgo.BrokerMetadata, conn net.Conn) {
	if c, ok := conn.(*usedConn); w.l == nil || meta.NodeID < 0 || ok && c.idle() > connRecent { // a seed, or not used
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left {
		return
	}
	w.lost = true
	if cl := w.cl; cl != nil {
		w.cl = nil
		w.l.b.task(cl.Close)
	} else if !w.looking {
		w.looking = true
		w.l.b.task(func() { w.l.look(w) })
	}
}

// dial is as the client would by itself, with connections that know when they were used.
func (w *watch) dial(cfg Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		d := &net.Dialer{Timeout: dialTimeout}
		var conn net.Conn
		conf, err := cfg.tls()
		switch {
		case err != nil:
			return nil, err
		case conf != nil:
			conn, err = (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, network, host)
		default:
			conn, err = d.DialContext(ctx, network, host)
		}
		if err != nil {
			return nil, err
		}
		return &usedConn{Conn: conn}, nil
	}
}

type usedConn struct {
	net.Conn
	used atomic.Int64 // Unix nanoseconds
}

func (c *usedConn) Write(p []byte) (int, error) {
	c.used.Store(time.Now().UnixNano())
	return c.Conn.Write(p)
}

func (c *usedConn) idle() time.Duration { return time.Since(time.Unix(0, c.used.Load())) }

// ended waits until no transaction of this owner is open any more; errUnclaimed is wrapped when that does not come. The turn is held.
func (l *partitionLog) ended(ctx context.Context) error {
	id, epoch, err := l.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(endedPatience); ; {
		found, err := l.b.orphans(ctx, id, epoch, l.places())
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
func (l *partitionLog) look(w *watch) {
	defer w.looked()
	for open := false; sleep(l.b.ctx, lookEvery); {
		ctx, cancel := context.WithTimeout(l.b.ctx, openTimeout)
		done := l.lock(ctx) == nil
		if done {
			switch {
			case open && l.cl == nil:
				cl, err := l.claim(ctx, &watch{})
				if done = err == nil; done {
					cl.Close()
				}
			case l.watch == w:
				err := w.begin(ctx, nil)
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
