package servicetest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Way is a direction of a Link.
type Way int

const (
	Out  Way = iota // from who has connected
	Back            // to who has connected
)

// Link is the network between two processes, in the direction of who connects. While a way is cut nothing goes through it, and nobody is told: what was
// under way comes when it is mended, as with a cable, or never if the connections break before.
type Link struct {
	mu     sync.Mutex
	ways   [2]way
	broken chan struct{} // closed when all connections are to end
	takes  atomic.Int64  // nanoseconds each way
}

type way struct {
	open chan struct{} // closed while bytes go through
	cut  bool
}

// NewLink takes connections at listen and makes each one to target, until the test ends.
func NewLink(t testing.TB, listen, target string) *Link {
	t.Helper()
	at, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{broken: make(chan struct{})}
	for i := range l.ways {
		l.ways[i].open = make(chan struct{})
		close(l.ways[i].open)
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	t.Cleanup(func() { close(done); _ = at.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := at.Accept()
			if err != nil {
				return
			}
			all.Go(func() { l.join(c, target, done) })
		}
	})
	return l
}

// Cut lets nothing through until Mend: both ways, or only those that are named.
func (l *Link) Cut(ways ...Way) {
	if len(ways) == 0 {
		ways = []Way{Out, Back}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range ways {
		if !l.ways[w].cut {
			l.ways[w] = way{open: make(chan struct{}), cut: true}
		}
	}
}

// Mend undoes Cut.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ways {
		if l.ways[i].cut {
			close(l.ways[i].open)
			l.ways[i].cut = false
		}
	}
}

// Slow has everything take so long each way, as between continents. 0 is as at first.
func (l *Link) Slow(d time.Duration) { l.takes.Store(int64(d)) }

// Break ends all connections. What is under way where the link is cut is lost. New ones can be made, and wait while it is cut.
func (l *Link) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.broken)
	l.broken = make(chan struct{})
}

func (l *Link) breaks() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// passes waits until the way is open; false when that is no use any more.
func (l *Link) passes(w Way, broken, done <-chan struct{}) bool {
	l.mu.Lock()
	open := l.ways[w].open
	l.mu.Unlock()
	select {
	case <-broken:
		return false
	case <-done:
		return false
	default:
	}
	select {
	case <-open:
		return true
	case <-broken:
	case <-done:
	}
	return false
}

func (l *Link) join(from net.Conn, target string, done <-chan struct{}) {
	defer from.Close()
	broken := l.breaks()
	if !l.passes(Out, broken, done) || !l.passes(Back, broken, done) {
		return
	}
	to, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return
	}
	defer to.Close()
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		select {
		case <-broken:
		case <-done:
		case <-over:
		}
		_, _ = from.Close(), to.Close()
	})
	var both sync.WaitGroup
	both.Go(func() { l.carry(to, from, Out, broken, done); _ = to.Close() })
	both.Go(func() { l.carry(from, to, Back, broken, done); _ = from.Close() })
	both.Wait()
	close(over)
	all.Wait()
}

// chunk is what was read at once, and when.
type chunk struct {
	at    time.Time
	bytes []byte
}

// afoot is how many chunks may be on their way before the link reads no more.
const afoot = 1024

func (l *Link) carry(to, from net.Conn, w Way, broken, done <-chan struct{}) {
	line := make(chan chunk, afoot)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer func() { _ = from.Close() }()
	reading.Go(func() {
		defer close(line)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				select {
				case line <- chunk{time.Now(), buf[:n]}:
				case <-broken:
					return
				case <-done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for c := range line {
		time.Sleep(time.Until(c.at.Add(time.Duration(l.takes.Load()))))
		if !l.passes(w, broken, done) {
			return
		}
		if _, err := to.Write(c.bytes); err != nil {
			return
		}
	}
	l.passes(w, broken, done) // that it was closed is not heard before either
}
