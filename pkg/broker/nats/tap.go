package natsjs

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// tapBuffer is what is read at once. A larger message is read into memory of its own.
	tapBuffer = 128 << 10
	// tapLine bounds how far the end of a message's line is looked for; servers allow 4 KiB by default.
	tapLine     = 8 << 10
	dialTimeout = 5 * time.Second
)

// tap is the dialer of a connection on which tails take their messages before the client library sees them. The library parses a
// message's headers into a map, copies each into memory of its own and wakes a goroutine for it; on the way of an
// event to its score that was the largest part after the server's. All that is no stored message of one of its tails is left to the
// library: the handshake, answers, statuses, heartbeats, errors. So is everything on a connection that is encrypted or a websocket.
type tap struct {
	mu sync.Mutex
	// tails are the open ones by their consumers' names.
	tails atomic.Pointer[map[string]*Tail]
}

// Dial implements nats.CustomDialer.
func (d *tap) Dial(network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &tapped{Conn: conn, tap: d, buf: make([]byte, tapBuffer)}, nil
}

// set makes t the reader of a consumer's messages; nil ends it.
func (d *tap) set(consumer string, t *Tail) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := make(map[string]*Tail)
	if old := d.tails.Load(); old != nil {
		for name, t := range *old {
			next[name] = t
		}
	}
	if delete(next, consumer); t != nil {
		next[consumer] = t
	}
	d.tails.Store(&next)
}

func (d *tap) tail(consumer string) *Tail {
	if tails := d.tails.Load(); tails != nil {
		return (*tails)[consumer]
	}
	return nil
}

// tapped is one connection. Only the client library's reading goroutine calls Read.
type tapped struct {
	net.Conn
	tap  *tap
	buf  []byte
	r, w int   // buf[r:w] was read and belongs to nobody yet
	err  error // of the connection, once what was read before it is handed on

	// The operation at r is the library's: so many bytes, or up to the end of its line.
	pass    int
	line    bool
	origins origins
	// blind: this is not the protocol that we know. Nothing is looked at any more.
	blind bool
}

var errTap = errors.New("nats: a message without its end")

// Read returns what is for the client library.
func (c *tapped) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n += c.give(p[n:])
		if n == len(p) {
			return n, nil
		}
		if c.r == c.w {
			if n > 0 {
				return n, nil
			}
			if c.blind {
				return c.Conn.Read(p)
			}
		} else if err := c.take(); err != nil {
			return n, err
		} else if c.pass > 0 || c.line || c.blind {
			continue
		}
		if n > 0 {
			return n, nil
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

// give copies what is the library's.
func (c *tapped) give(p []byte) (n int) {
	have := c.buf[c.r:c.w]
	switch {
	case c.blind:
		n = copy(p, have)
	case c.pass > 0:
		n = copy(p, have[:min(len(have), c.pass)])
		c.pass -= n
	case c.line:
		if end := bytes.IndexByte(have, '\n'); end >= 0 {
			have = have[:end+1]
		}
		if n = copy(p, have); n > 0 && p[n-1] == '\n' {
			c.line = false
		}
	}
	c.r += n
	return n
}

// fill reads more behind what is there.
func (c *tapped) fill() error {
	if c.err != nil {
		return c.err
	}
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	// Where all processors are busy, whoever waits for one comes first, and meanwhile more arrives than one message: a call of the system
	// for each is part of what keeps them busy. Where one is idle this returns at once.
	runtime.Gosched()
	n, err := c.Conn.Read(c.buf[c.w:])
	c.w += n
	if c.err = err; n > 0 {
		return nil
	}
	return err
}

// take hands messages to their tails until it comes to something else or to the end of what is there.
func (c *tapped) take() error {
	for c.r < c.w && c.pass == 0 && !c.line {
		have := c.buf[c.r:c.w]
		switch have[0] {
		case 'M', 'H':
		case 'I', 'P', '+', '-': // INFO, PING and PONG, +OK, -ERR
			c.line = true
			return nil
		default:
			c.blind = true
			return nil
		}
		end := bytes.IndexByte(have[:min(len(have), tapLine)], '\n')
		if end < 0 {
			c.blind = len(have) >= tapLine
			return nil
		}
		op, t := c.recall(have[:end])
		if t == nil {
			var ok bool
			if op, ok = parseOp(have[:end]); !ok { // where its payload ends is not known either: the library will say what is wrong
				c.blind = true
				return nil
			}
			if t = c.tailOf(&op); t == nil {
				c.pass = end + 1 + op.size + 2
				return nil
			}
			c.remember(have[:end], &op, t)
		}
		end++
		whole := end + op.size + 2
		switch {
		case whole <= len(have):
			if have[whole-2] != '\r' || have[whole-1] != '\n' {
				return errTap
			}
			t.arrive(&op, have[end:whole-2])
			c.r += whole
		case whole > len(c.buf):
			body := make([]byte, op.size+2)
			n := copy(body, have[end:])
			c.r = c.w // op's strings stay: nothing is read into buf meanwhile
			if _, err := io.ReadFull(c.Conn, body[n:]); err != nil {
				return err
			}
			if body[op.size] != '\r' || body[op.size+1] != '\n' {
				return errTap
			}
			t.arrive(&op, body[:op.size])
		default:
			return nil
		}
	}
	return nil
}

// tailOf is whose message op is; nil: the library's. What was published to an inbox of the connection is never a stored message,
// whatever its reply says.
func (c *tapped) tailOf(op *msgOp) *Tail {
	if op.consumer == "" || strings.HasPrefix(op.subject, nats.InboxPrefix) {
		return nil
	}
	return c.tap.tail(op.consumer)
}
