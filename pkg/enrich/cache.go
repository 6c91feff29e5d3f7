package enrich

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/riskd-io/riskd/pkg/warm"
)

// cache remembers values by key in a fixed number of slots, two possible ones for each key. It is
// lock-free: a slot holds one immutable entry, and a lost race only means one more look-up.
type cache[K comparable, V any] struct {
	slots []atomic.Pointer[entry[K, V]]
	mask  uint64
	turn  atomic.Uint32
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// newCache has room for at least size entries, rounded up to a power of two.
func newCache[K comparable, V any](size int) *cache[K, V] {
	n := uint64(2)
	if size > 2 {
		n = 1 << bits.Len64(uint64(size-1))
	}
	return &cache[K, V]{slots: make([]atomic.Pointer[entry[K, V]], n), mask: n - 1}
}

func (c *cache[K, V]) get(hash uint64, key K) (v V, ok bool) {
	if e := c.slots[hash&c.mask].Load(); e != nil && e.key == key {
		return e.value, true
	}
	if e := c.slots[hash>>32&c.mask].Load(); e != nil && e.key == key {
		return e.value, true
	}
	return v, false
}

// ask asks for the memory of a key's first slot, askAgain some time after that for what it holds.
func (c *cache[K, V]) ask(hash uint64) { warm.Memory(unsafe.Pointer(&c.slots[hash&c.mask]), 1) }

func (c *cache[K, V]) askAgain(hash uint64) {
	warm.Memory(unsafe.Pointer(c.slots[hash&c.mask].Load()), int(unsafe.Sizeof(entry[K, V]{})))
}

// put stores a value; evicted tells whether another had to leave. When both slots are taken they
// are replaced in turn, so nothing stays for ever.
func (c *cache[K, V]) put(hash uint64, key K, value V) (evicted bool) {
	slot := &c.slots[hash&c.mask]
	if e := slot.Load(); e != nil && e.key != key {
		if second := &c.slots[hash>>32&c.mask]; second.Load() == nil || c.turn.Add(1)&1 == 0 {
			slot = second
		}
	}
	old := slot.Swap(&entry[K, V]{key, value})
	return old != nil && old.key != key
}

// mix spreads the bits of a number (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
