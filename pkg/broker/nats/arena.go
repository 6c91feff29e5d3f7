package natsjs

import "sync"

// What a tap brings is copied into arenas: a message each is more work for the allocator than to read it, and memory that is used again lies in the
// processor's caches, need not be cleared and leaves nothing to the collector.

const (
	// arenaLeast and arenaMost are how many bytes of messages a tail keeps in one piece of memory: the more the more it reads.
	arenaLeast = 4 << 10
	arenaMost  = 64 << 10
	// idleArenas bounds those of arenaMost bytes that wait for messages, 16 MiB. Others are left to the collector.
	idleArenas = 256
)

// arena is memory that is full of messages.
type arena struct {
	buf  []byte
	last uint64 // none of its messages has a later sequence
}

// arenas are those that nobody uses, of all connections. The zero value has none.
type arenas struct {
	mu   sync.Mutex
	idle [][]byte
}

var idle arenas

// take is an empty arena of n bytes.
func (a *arenas) take(n int) []byte {
	if n == arenaMost {
		a.mu.Lock()
		defer a.mu.Unlock()
		if last := len(a.idle) - 1; last >= 0 {
			buf := a.idle[last]
			a.idle[last] = nil
			a.idle = a.idle[:last]
			return buf
		}
	}
	return make([]byte, 0, n)
}

// give takes back what take has given, if there is room for it.
func (a *arenas) give(done []arena) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range done {
		if cap(d.buf) == arenaMost && len(a.idle) < idleArenas {
			a.idle = append(a.idle, d.buf[:0])
		}
	}
}

// nextArena makes room for a message of need bytes, the one that t.seq is the sequence of; t.mu is held.
func (t *Tail) nextArena(need int) {
	if t.reused && cap(t.arena) > 0 {
		t.full = append(t.full, arena{t.arena, t.seq - 1})
	}
	t.arena = idle.take(max(need, min(max(2*cap(t.arena), arenaLeast), arenaMost)))
}

// Done tells that nothing of the messages up to a sequence is used any more: their memory may be that of other messages from now on. A caller that has
// said so once has to go on, because what is not done with is kept. The goroutine that calls Take calls it.
func (t *Tail) Done(through uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reused = true
	n := 0
	for n < len(t.full) && t.full[n].last <= through {
		n++
	}
	if n == 0 {
		return
	}
	idle.give(t.full[:n])
	rest := copy(t.full, t.full[n:])
	clear(t.full[rest:])
	t.full = t.full[:rest]
}
