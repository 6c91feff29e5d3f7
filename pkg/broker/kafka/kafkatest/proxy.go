package kafkatest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// EndTxn is the key of the request that ends a transaction.
const EndTxn = 26

// Proxy stands between a broker and those who reach it at Addr, and can make them stand still as a stopped process does, in the midst of
// what they do.
type Proxy struct {
	// Addr is host:port for the clients.
	Addr string

	to string
	l  net.Listener

	mu    sync.Mutex
	key   int16         // the request at which all stands still; -1: none
	held  chan struct{} // closed when it came
	going chan struct{} // closed while all goes on
	conns []net.Conn
}

// Proxy adds a way to the broker that leads through a proxy, before Start.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: servicetest.FreeAddress(t), l: l, key: -1, going: make(chan struct{})}
	close(p.going)
	s.alsoAt(p.to, p.Addr)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", p.to)
			if err != nil {
				from.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, from, to)
			p.mu.Unlock()
			wg.Go(func() { p.requests(to, from) })
			wg.Go(func() { _, _ = io.Copy(from, to); from.Close() })
		}
	})
	t.Cleanup(func() {
		p.Release()
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

// Link adds a way to the broker that can be cut, and returns host:port of it, before Start.
func (s *Server) Link(t testing.TB) (addr string, l *servicetest.Link) {
	t.Helper()
	addr, to := servicetest.FreeAddress(t), servicetest.FreeAddress(t)
	s.alsoAt(to, addr)
	return addr, servicetest.NewLink(t, addr, to)
}

// alsoAt has the broker listen at one more address and tell who comes there that it is to be found at another.
func (s *Server) alsoAt(listens, advertises string) {
	s.Set(fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s,PROXY://%s", s.Addr, s.Controller(), listens),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://%s,PROXY://%s", s.Addr, advertises),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXY:PLAINTEXT")
}

// HoldAt lets no request through from the next one with a key on; the channel is closed when that has come.
func (p *Proxy) HoldAt(key int16) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.held = key, make(chan struct{})
	return p.held
}

// Release lets everything go on.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = -1
	select {
	case <-p.going:
	default:
		close(p.going)
	}
}

// requests hands requests on, one at a time.
func (p *Proxy) requests(to, from net.Conn) {
	defer to.Close()
	head := make([]byte, 6) // size, then the key
	for {
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		p.mu.Lock()
		if int16(binary.BigEndian.Uint16(head[4:])) == p.key {
			p.key, p.going = -1, make(chan struct{})
			close(p.held)
		}
		going := p.going
		p.mu.Unlock()
		<-going
		if _, err := to.Write(head); err != nil {
			return
		}
		if _, err := io.CopyN(to, from, int64(binary.BigEndian.Uint32(head))-2); err != nil {
			return
		}
	}
}
