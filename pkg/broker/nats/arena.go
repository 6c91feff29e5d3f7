package natsjs

import "sync"

// What a tap brings is copied into arenas: a message each is more work for the allocator than to read it, and memory that is used again lies in the
// processor's caches, need not be cleared and leaves nothing to the collector.

// arenaLeast and arenaMost are how many bytes of messages a tail keeps in one piece of memory: the more the more it reads.
const (
	arenaLeast = 4 << 10
	arenaMost  = 64 << 10
)

// arena is memory that is full of messages.
type arena struct {
	buf  []byte
	last uint64 // none of its messages has a later sequence
}

// idle has those of arenaMost bytes that are done with, for all connections, until the collector takes what nobody has asked for.
var idle sync.Pool

// newArena is an empty one of n bytes.
func newArena(n int) []byte {
	if n == arenaMost {
		if a, ok := idle.Get().(*[arenaMost]byte); ok {
			return a[:0]
		}
	}
	return make([]byte, 0, n)
}

// nextArena makes room for a message of need bytes, the one that t.seq is the sequence of; t.mu is held.
func (t *Tail) nextArena(need int) {
	if t.reused && cap(t.arena) > 0 {
		t.full = append(t.full, arena{t.arena, t.seq - 1})
	}
	t.arena = newArena(max(need, min(max(2*cap(t.arena), arenaLeast), arenaMost)))
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
	for _, a := range t.full[:n] {
		if cap(a.buf) == arenaMost {
			idle.Put((*[arenaMost]byte)(a.buf[:arenaMost]))
		}
	}
	rest := copy(t.full, t.full[n:])
	clear(t.full[rest:])
	t.full = t.full[:rest]
}
