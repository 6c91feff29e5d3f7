package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// silentFor is how long nobody connects to a broker that gave no answer.
	silentFor = 3 * time.Second
	// silentMost bounds how many addresses are remembered, silentForget is after how long one that nobody asks any more is forgotten.
	silentMost   = 1024
	silentForget = time.Minute
)

// errSilent is what a connection to a silent broker fails with.
var errSilent = errors.New("it gave no answer a moment ago")

// dialer makes the connections of all clients, and remembers which brokers do not answer. One that is stopped takes connections and says nothing,
// one that has lost its network takes none and refuses none; either costs each new client two or three seconds for each time it happens to ask it, while
// others could answer. A broker that gave no answer is as one that refuses connections, for silentFor; then one client tries it again.
type dialer struct {
	connect func(ctx context.Context, network, host string) (net.Conn, error)

	mu     sync.Mutex
	until  map[string]time.Time // by host:port: when it may be tried again
	silent atomic.Int32         // how many there are
}

// newDialer encrypts as conf says; nil: nothing is encrypted.
func newDialer(conf *tls.Config) *dialer {
	plain := &net.Dialer{Timeout: dialTimeout}
	d := &dialer{connect: plain.DialContext, until: make(map[string]time.Time)}
	if conf != nil {
		d.connect = (&tls.Dialer{NetDialer: plain, Config: conf}).DialContext
	}
	return d
}

// dial connects as a client would by itself.
func (d *dialer) dial(ctx context.Context, network, host string) (net.Conn, error) {
	if d.avoid(host, time.Now()) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address(host), Err: errSilent}
	}
	conn, err := d.connect(ctx, network, host)
	if err != nil {
		if timedOut(err) && ctx.Err() == nil {
			d.missed(host, time.Now())
		}
		return nil, err
	}
	return &brokerConn{Conn: conn, to: host, by: d}, nil
}

// avoid tells whether a broker is to be left alone. Whoever is the first to ask when its time is over may try it, and the others wait as long again.
func (d *dialer) avoid(host string, now time.Time) bool {
	if d.silent.Load() == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	until, ok := d.until[host]
	if ok && !now.Before(until) {
		d.until[host] = now.Add(silentFor)
		return false
	}
	return ok
}

// missed remembers that a broker gave no answer.
func (d *dialer) missed(host string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.until, func(_ string, until time.Time) bool { return now.Sub(until) > silentForget })
	if len(d.until) < silentMost {
		d.until[host] = now.Add(silentFor)
	}
	d.silent.Store(int32(len(d.until)))
}

// heard forgets that.
func (d *dialer) heard(host string) {
	if d.silent.Load() == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.until, host)
	d.silent.Store(int32(len(d.until)))
}

// brokerConn is a connection that knows when it was used, and tells when an answer did not come in time.
type brokerConn struct {
	net.Conn
	to   string
	by   *dialer
	used atomic.Int64 // Unix nanoseconds
	// waits: the deadline leaves a broker time to answer. One that ends what is under way, because the client is closed, says nothing of the broker.
	waits atomic.Bool
}

func (c *brokerConn) SetDeadline(t time.Time) error {
	c.waits.Store(time.Until(t) >= requestTimeout/2)
	return c.Conn.SetDeadline(t)
}

func (c *brokerConn) SetReadDeadline(t time.Time) error {
	c.waits.Store(time.Until(t) >= requestTimeout/2)
	return c.Conn.SetReadDeadline(t)
}

// Read is called by a client only when it waits for an answer.
func (c *brokerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch {
	case err == nil:
		c.by.heard(c.to)
	case timedOut(err) && c.waits.Load():
		c.by.missed(c.to, time.Now())
	}
	return n, err
}

func (c *brokerConn) Write(p []byte) (int, error) {
	c.used.Store(time.Now().UnixNano())
	return c.Conn.Write(p)
}

func (c *brokerConn) idle() time.Duration { return time.Since(time.Unix(0, c.used.Load())) }

func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// address is host:port as an error tells it.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
