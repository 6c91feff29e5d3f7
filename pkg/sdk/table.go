package sdk

import (
	"hash/maphash"
	"sync/atomic"
)

// table maps (tenant, session) to a flag. One goroutine writes; any number read without a lock, a
// wait or an allocation. It is a hash table with open addressing whose slots are atomic pointers to
// immutable flags; growth builds a new array and swaps it in.
//
// It holds open requirements only, so nearly every look-up ends at the first, empty slot.
type table struct {
	seed  maphash.Seed
	slots atomic.Pointer[slots]

	// The rest belongs to the writer.
	live, used int // used counts removed slots too
}

type slots struct {
	mask uint64
	at   []atomic.Pointer[flag]
}

const tableMin = 64

// removed marks a slot whose flag is gone; probing goes on past it.
var removed = &flag{}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	t.slots.Store(newSlots(tableMin))
	return t
}

func newSlots(n int) *slots {
	return &slots{mask: uint64(n - 1), at: make([]atomic.Pointer[flag], n)}
}

func (t *table) hash(tenant, session string) uint64 {
	h := maphash.String(t.seed, session)
	// Sessions are unique enough that the tenant only needs to stir, and most applications have one.
	return h ^ uint64(len(tenant))*0x9e3779b97f4a7c15
}

// get returns the session's flag or nil.
func (t *table) get(tenant, session string) *flag {
	h := t.hash(tenant, session)
	s := t.slots.Load()
	for i := h & s.mask; ; i = (i + 1) & s.mask {
		f := s.at[i].Load()
		if f == nil {
			return nil
		}
		if f.hash == h && f.session == session && f.tenant == tenant && f != removed {
			return f
		}
	}
}

// put stores f in place of the session's older flag. Writer only.
func (t *table) put(f *flag) {
	f.hash = t.hash(f.tenant, f.session)
	s := t.slots.Load()
	free := -1
	for i := f.hash & s.mask; ; i = (i + 1) & s.mask {
		old := s.at[i].Load()
		switch {
		case old == nil:
			if free < 0 {
				free = int(i)
				t.used++
			}
			t.live++
			s.at[free].Store(f)
			if 4*t.used > 3*len(s.at) {
				t.rebuild()
			}
			return
		case old == removed:
			if free < 0 {
				free = int(i)
			}
		case old.hash == f.hash && old.session == f.session && old.tenant == f.tenant:
			s.at[i].Store(f)
			return
		}
	}
}

// remove forgets the session and returns what it had. Writer only.
func (t *table) remove(tenant, session string) *flag {
	h := t.hash(tenant, session)
	s := t.slots.Load()
	for i := h & s.mask; ; i = (i + 1) & s.mask {
		f := s.at[i].Load()
		if f == nil {
			return nil
		}
		if f != removed && f.hash == h && f.session == session && f.tenant == tenant {
			s.at[i].Store(removed)
			t.live--
			return f
		}
	}
}

// rebuild makes room, or sweeps removed slots out. Readers go on in the old array until they let go of it.
func (t *table) rebuild() {
	n := tableMin
	for n < 4*t.live {
		n *= 2
	}
	old, fresh := t.slots.Load(), newSlots(n)
	for i := range old.at {
		f := old.at[i].Load()
		if f == nil || f == removed {
			continue
		}
		j := f.hash & fresh.mask
		for fresh.at[j].Load() != nil {
			j = (j + 1) & fresh.mask
		}
		fresh.at[j].Store(f)
	}
	t.used = t.live
	t.slots.Store(fresh)
}

// each calls fn with every flag. Writer only; fn may remove.
func (t *table) each(fn func(*flag)) {
	s := t.slots.Load()
	for i := range s.at {
		if f := s.at[i].Load(); f != nil && f != removed {
			fn(f)
		}
	}
}
