package natstest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Link is the network between two nodes of a cluster, in the direction of who connects. While it is cut nothing goes through, and nobody is told: what
// was under way comes when it is mended, as with a cable.
type Link struct {
	mu   sync.Mutex
	open chan struct{} // closed while bytes go through
}

// NewLink takes connections at listen and makes each one to target, until the test ends.
func NewLink(t testing.TB, listen, target string) *Link {
	t.Helper()
	at, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{open: make(chan struct{})}
	close(l.open)
	done := make(chan struct{})
	t.Cleanup(func() { close(done); _ = at.Close() })
	go func() {
		for {
			c, err := at.Accept()
			if err != nil {
				return
			}
			go l.join(c, target, done)
		}
	}()
	return l
}

// Cut lets nothing through until Mend.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = make(chan struct{})
}

// Mend undoes Cut.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.open)
}

// passes waits until the link is whole; false when the test has ended.
func (l *Link) passes(done <-chan struct{}) bool {
	l.mu.Lock()
	open := l.open
	l.mu.Unlock()
	select {
	case <-open:
		return true
	case <-done:
		return false
	}
}

func (l *Link) join(from net.Conn, target string, done <-chan struct{}) {
	defer from.Close()
	if !l.passes(done) {
		return
	}
	to, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return
	}
	defer to.Close()
	var both sync.WaitGroup
	both.Go(func() { l.carry(to, from, done); _ = to.Close() })
	both.Go(func() { l.carry(from, to, done); _ = from.Close() })
	both.Wait()
}

func (l *Link) carry(to, from net.Conn, done <-chan struct{}) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if !l.passes(done) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
