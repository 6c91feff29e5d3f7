package profile

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

const (
	// MaxCounters is how many counters of a policy are kept for one user.
	MaxCounters = 16
	// counterSlots share a counter's window: it is between eleven and twelve twelfths long.
	counterSlots = 12
)

// Counter counts what a policy names, within a sliding window.
type Counter struct {
	// Key names the counter and what it counts.
	Key uint32
	// Slot is the width of one slot, seconds; Last numbers the newest, in slots since 1970.
	Slot uint32
	Last int64
	// Counts of the slots, the newest first.
	Counts [counterSlots]uint32
}

// Count adds n to a counter at a time, and returns what its window (seconds, ending at that time) then holds.
func (p *Profile) Count(key, window uint32, at event.Millis, n uint64) uint64 {
	slot := max(1, window/counterSlots)
	now := int64(at/1000) / int64(slot)
	c := p.counter(key)
	if c == nil {
		if n == 0 {
			return 0
		}
		c = p.newCounter()
		*c = Counter{Key: key, Slot: slot, Last: now}
	}
	if c.Slot != slot {
		*c = Counter{Key: key, Slot: slot, Last: now}
	}
	for ; c.Last < now; c.Last++ {
		if now-c.Last >= counterSlots {
			c.Counts, c.Last = [counterSlots]uint32{}, now
			break
		}
		copy(c.Counts[1:], c.Counts[:])
		c.Counts[0] = 0
	}
	behind := c.Last - now // a late event counts where it belongs
	if behind >= counterSlots {
		return n
	}
	c.Counts[behind] = uint32(min(uint64(c.Counts[behind])+n, math.MaxUint32))
	sum := uint64(0)
	for _, k := range c.Counts[behind:] {
		sum += uint64(k)
	}
	return sum
}

func (p *Profile) counter(key uint32) *Counter {
	for i := range p.Counters {
		if p.Counters[i].Key == key {
			return &p.Counters[i]
		}
	}
	return nil
}

// newCounter makes room: the counter that was not moved longest goes, such as one of a policy that is no more.
func (p *Profile) newCounter() *Counter {
	if len(p.Counters) < MaxCounters {
		p.Counters = append(p.Counters, Counter{})
		return &p.Counters[len(p.Counters)-1]
	}
	old := &p.Counters[0]
	for i := range p.Counters {
		if c := &p.Counters[i]; c.Last*int64(c.Slot) < old.Last*int64(old.Slot) {
			old = c
		}
	}
	return old
}

// tidyCounters drops counters whose windows are over.
func (p *Profile) tidyCounters() {
	kept := p.Counters[:0]
	for _, c := range p.Counters {
		if int64(p.Watermark/1000)/int64(c.Slot)-c.Last < counterSlots {
			kept = append(kept, c)
		}
	}
	p.Counters = kept
}

func (w *writer) counter(c *Counter) {
	w.fixed32(c.Key)
	w.u(uint64(c.Slot))
	w.z(int64(w.mark/1000)/int64(c.Slot) - c.Last)
	set := 0
	for i, n := range c.Counts {
		if n > 0 {
			set |= 1 << i
		}
	}
	w.u(uint64(set))
	for _, n := range c.Counts {
		if n > 0 {
			w.u(uint64(n))
		}
	}
}

func (r *reader) counter() (c Counter) {
	c.Key, c.Slot = r.fixed32(), r.u32()
	if c.Slot == 0 {
		r.fail("counter")
		c.Slot = 1
	}
	c.Last = int64(r.mark/1000)/int64(c.Slot) - r.z()
	set := r.u()
	if set >= 1<<counterSlots {
		r.fail("counter")
		return c
	}
	for i := range c.Counts {
		if set&(1<<i) != 0 {
			c.Counts[i] = r.u32()
		}
	}
	return c
}
