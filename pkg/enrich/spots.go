package enrich

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/riskd-io/riskd/pkg/warm"
)

// spots finds spots by their keys, which are hashes already and never 0. It is like a map, but what a key will be looked for can be asked for
// before. All but the asking needs the lock of its shard. The zero value is empty.
type spots struct {
	table atomic.Pointer[spotTable]
	n     int
}

// spotTable is open addressing: a key lies at its place or behind it, and nothing free is in between. At most half is taken.
type spotTable struct {
	slots []spotSlot // a power of two
	shift uint       // of a key, so that it is a place; shards go by the lowest bits
}

// spotSlot is free when its key is 0. Who asks ahead reads it without a lock.
type spotSlot struct {
	key   atomic.Uint64
	first atomic.Pointer[spot]
}

// leastSlots is what a table begins with.
const leastSlots = 16

func newSpotTable(size int) *spotTable {
	return &spotTable{slots: make([]spotSlot, size), shift: 64 - uint(bits.TrailingZeros(uint(size)))}
}

func (t *spotTable) place(key uint64) int { return int(key >> t.shift) }

func (t *spotTable) behind(at int) int { return (at + 1) & (len(t.slots) - 1) }

// find is where a key is, or the free slot where it would be.
func (t *spotTable) find(key uint64) int {
	at := t.place(key)
	for k := t.slots[at].key.Load(); k != key && k != 0; k = t.slots[at].key.Load() {
		at = t.behind(at)
	}
	return at
}

// get is the first spot of a key, nil when there is none.
func (s *spots) get(key uint64) *spot {
	t := s.table.Load()
	if t == nil {
		return nil
	}
	return t.slots[t.find(key)].first.Load()
}

// put makes g the first spot of a key.
func (s *spots) put(key uint64, g *spot) {
	t := s.table.Load()
	if t == nil || 2*(s.n+1) > len(t.slots) {
		t = s.grow(t)
	}
	at := &t.slots[t.find(key)]
	if at.key.Load() == 0 {
		s.n++
	}
	at.first.Store(g)
	at.key.Store(key)
}

func (s *spots) grow(old *spotTable) *spotTable {
	size := leastSlots
	if old != nil {
		size = 2 * len(old.slots)
	}
	t := newSpotTable(size)
	if old != nil {
		for i := range old.slots {
			if k := old.slots[i].key.Load(); k != 0 {
				at := &t.slots[t.find(k)]
				at.first.Store(old.slots[i].first.Load())
				at.key.Store(k)
			}
		}
	}
	s.table.Store(t)
	return t
}

// remove takes a key out, and moves those behind it that are not at their place up.
func (s *spots) remove(key uint64) {
	if s.get(key) == nil {
		return
	}
	t := s.table.Load()
	free := t.find(key)
	s.n--
	for at := t.behind(free); ; at = t.behind(at) {
		k := t.slots[at].key.Load()
		if k == 0 {
			break
		}
		// It may move up unless its place lies behind the free one.
		if mask := len(t.slots) - 1; (at-t.place(k))&mask >= (at-free)&mask {
			t.slots[free].first.Store(t.slots[at].first.Load())
			t.slots[free].key.Store(k)
			free = at
		}
	}
	t.slots[free].key.Store(0)
	t.slots[free].first.Store(nil)
}

// askSlot asks for the memory that a key is looked for in, askSpot some time after that for its first spot's. What changes meanwhile only makes
// that useless.
func (s *spots) askSlot(key uint64) {
	if t := s.table.Load(); t != nil {
		warm.Memory(unsafe.Pointer(&t.slots[t.place(key)]), 1)
	}
}

func (s *spots) askSpot(key uint64) {
	if t := s.table.Load(); t != nil {
		if at := &t.slots[t.place(key)]; at.key.Load() == key {
			warm.Memory(unsafe.Pointer(at.first.Load()), int(unsafe.Sizeof(spot{})))
		}
	}
}
