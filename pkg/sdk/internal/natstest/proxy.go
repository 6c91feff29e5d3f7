package natstest

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a server and its clients, and can fall silent as a node does that was stopped, or whose network is gone: connections stay open,
// new ones are taken, and nothing passes any more.
type Proxy struct {
	URL string
	// Taken counts the connections.
	Taken atomic.Int64

	silent atomic.Bool
	cutOff atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn
}

// Proxy opens one way more to the server, until the test ends.
func (s *Server) Proxy(tb testing.TB) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{URL: "nats://" + l.Addr().String()}
	to := strings.TrimPrefix(s.URL, "nats://")
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			p.Taken.Add(1)
			p.keep(from)
			if p.silent.Load() {
				continue
			}
			back, err := net.Dial("tcp", to)
			if err != nil {
				from.Close()
				continue
			}
			p.keep(back)
			wg.Go(func() { p.pass(back, from) })
			wg.Go(func() { p.pass(from, back) })
		}
	})
	tb.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

// Silence ends what passes, without a word.
func (p *Proxy) Silence() { p.silent.Store(true) }

// CutOff lets no question for a stream's leader through any more, as a node does that has lost the others: all else is answered, heartbeats are sent, and
// clients notice nothing.
func (p *Proxy) CutOff() { p.cutOff.Store(true) }

func (p *Proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *Proxy) pass(to, from net.Conn) {
	_, _ = io.Copy(writer(func(b []byte) (int, error) {
		if p.silent.Load() {
			return len(b), nil
		}
		if p.cutOff.Load() {
			n := len(b)
			_, err := to.Write(bytes.ReplaceAll(b, []byte("$JS.API.STREAM.INFO."), []byte("$JS.API.STREAM.NONE.")))
			return n, err
		}
		return to.Write(b)
	}), from)
	if !p.silent.Load() {
		to.Close()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
