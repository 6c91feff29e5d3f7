package enrich

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// crowdForm is the version of a crowd's stored form.
const crowdForm = 1

// Name of the section of a partition's state that holds a crowd.
func (c *Crowd) Name() string { return "crowd" }

// Version of the stored form that AppendTo writes.
func (c *Crowd) Version() uint64 { return crowdForm }

// Take makes the scored events of a stored record count, in the order of its entries. When they are exactly those that were looked up,
// as they are unless an event was a duplicate, late or dead, all is counted already.
func (c *Crowd) Take(rec *riskdv1.JournalRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isAsked(rec.Entries) {
		c.discard()
		for _, e := range rec.Entries {
			if e.Status != riskdv1.JournalEntry_STATUS_SCORED || e.Event == nil {
				continue
			}
			if s := see(e.Event, wire.Addr(e.Event)); s.shows() && s.counts {
				c.count(&s, e.Enrichment.GetReceivedMs(), nil)
			}
		}
	}
	c.keep()
}

func (c *Crowd) isAsked(entries []*riskdv1.JournalEntry) bool {
	next := 0
	for _, e := range entries {
		if e.Status == riskdv1.JournalEntry_STATUS_SCORED && next < len(c.asked) && c.asked[next] == e.Event {
			next++
		}
	}
	return c.looked > 0 && next == len(c.asked)
}

// keep makes what was counted the state, and lets go of what is idle or too much; c.mu is held.
func (c *Crowd) keep() {
	for i := range c.saved {
		c.visits += len(c.saved[i].spot.users) - (c.saved[i].v1 - c.saved[i].v0)
	}
	for _, g := range c.touched {
		c.list(g)
	}
	c.forgetRound()
	for c.oldest != nil && (c.spots > c.keys || c.visits > c.keys*crowdVisits || c.oldest.touched+crowdIdle < c.clock) {
		if c.oldest.touched+crowdIdle >= c.clock {
			c.stats.crowdEvicted.Add(1)
		}
		c.drop(c.oldest)
	}
}

// settle keeps what was looked up.
func (c *Crowd) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep()
}

// Discard undoes what was looked up for a record that was not stored.
func (c *Crowd) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discard()
}

func (c *Crowd) discard() {
	c.clock = c.before
	for i := range c.saved {
		sv := &c.saved[i]
		g := sv.spot
		sh := c.square.shard(g.key)
		sh.Lock()
		if sv.fresh {
			c.unlink(g)
		} else {
			g.users = append(g.users[:0], c.savedV[sv.v0:sv.v1]...)
			if sv.fails < 0 {
				g.fails = nil
			} else {
				*g.fails = c.savedF[sv.fails]
			}
			g.touched = sv.touched
		}
		sh.Unlock()
	}
	c.forgetRound()
}

func (c *Crowd) forgetRound() {
	clear(c.asked)
	clear(c.touched)
	clear(c.saved)
	c.asked, c.touched, c.saved, c.savedV, c.savedF = c.asked[:0], c.touched[:0], c.saved[:0], c.savedV[:0], c.savedF[:0]
	c.looked, c.before = 0, c.clock
	c.round++
}

// list moves a spot to the newest end.
func (c *Crowd) list(g *spot) {
	if c.newest == g {
		return
	}
	if g.listed {
		c.unlist(g)
	} else {
		g.listed = true
		c.spots++
	}
	g.older, g.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = g
	}
	c.newest = g
	if c.oldest == nil {
		c.oldest = g
	}
}

func (c *Crowd) unlist(g *spot) {
	if g.newer != nil {
		g.newer.older = g.older
	} else {
		c.newest = g.older
	}
	if g.older != nil {
		g.older.newer = g.newer
	} else {
		c.oldest = g.newer
	}
}

func (c *Crowd) drop(g *spot) {
	c.unlist(g)
	g.listed = false
	c.spots--
	c.visits -= len(g.users)
	sh := c.square.shard(g.key)
	sh.Lock()
	c.unlink(g)
	sh.Unlock()
}

// unlink takes a spot out of the square; its key's lock is held.
func (c *Crowd) unlink(g *spot) {
	spots := &c.square.shard(g.key).spots
	if first := spots.get(g.key); first != g {
		for first.peer != g {
			first = first.peer
		}
		first.peer = g.peer
	} else if g.peer != nil {
		spots.put(g.key, g.peer)
	} else {
		spots.remove(g.key)
	}
	g.peer = nil
}

// AppendTo appends the stored form: the spots from the oldest to the newest.
func (c *Crowd) AppendTo(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discard()
	dst = binary.AppendUvarint(dst, uint64(c.clock))
	dst = binary.AppendUvarint(dst, uint64(c.spots))
	for g := c.oldest; g != nil; g = g.newer {
		dst = binary.LittleEndian.AppendUint64(dst, g.key)
		dst = binary.AppendUvarint(dst, uint64(g.touched))
		dst = binary.AppendUvarint(dst, uint64(len(g.users)))
		var base uint32
		for _, v := range g.users {
			dst = binary.LittleEndian.AppendUint32(dst, v.user)
			dst = binary.AppendVarint(dst, int64(v.seen)-int64(base))
			base = v.seen
			if v.failed == 0 {
				dst = append(dst, 0)
			} else {
				dst = binary.AppendUvarint(dst, uint64(v.seen-v.failed)+1)
			}
		}
		n := 0
		if g.fails != nil {
			for _, t := range g.fails {
				if t.n > 0 {
					n++
				}
			}
		}
		dst = append(dst, byte(n))
		if n == 0 {
			continue
		}
		base = 0
		for _, t := range g.fails {
			if t.n > 0 {
				dst = binary.AppendVarint(dst, int64(t.slice)-int64(base))
				dst = binary.AppendUvarint(dst, uint64(t.n))
				base = t.slice
			}
		}
	}
	return dst
}

var errCrowd = errors.New("stored crowd is corrupt")

// Restore replaces everything by a stored form. Version 0 means that there is none: nobody has been seen.
func (c *Crowd) Restore(version uint64, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discard()
	for c.oldest != nil {
		c.drop(c.oldest)
	}
	c.clock, c.before = 0, 0
	if version == 0 {
		return nil
	}
	if version != crowdForm {
		return fmt.Errorf("%w: version %d, this program reads %d", errCrowd, version, crowdForm)
	}
	r := reader{b: data}
	c.clock = uint32(r.uvarint(1<<32 - 1))
	c.before = c.clock
	for n := r.uvarint(uint64(len(data))); n > 0 && r.err == nil; n-- {
		g := &spot{crowd: c, key: r.fixed64(), touched: uint32(r.uvarint(1<<32 - 1)), listed: true}
		r.visits(g)
		r.tallies(g)
		if r.err != nil {
			break
		}
		if g.key == 0 {
			return fmt.Errorf("%w: an address or device without a key", errCrowd)
		}
		sh := c.square.shard(g.key)
		sh.Lock()
		own := sh.spots.get(g.key)
		for own != nil && own.crowd != c {
			own = own.peer
		}
		if own != nil {
			sh.Unlock()
			return fmt.Errorf("%w: an address or device occurs twice", errCrowd)
		}
		g.peer = sh.spots.get(g.key)
		sh.spots.put(g.key, g)
		sh.Unlock()
		c.spots++
		c.visits += len(g.users)
		if g.older = c.newest; g.older != nil {
			g.older.newer = g
		} else {
			c.oldest = g
		}
		c.newest = g
	}
	if r.err != nil || len(r.b) != 0 {
		return fmt.Errorf("%w: cut or too long", errCrowd)
	}
	return nil
}

// reader takes numbers off a stored form; after the first that does not fit it only returns zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() { r.b, r.err = nil, errCrowd }

func (r *reader) uvarint(limit uint64) uint64 {
	v, k := binary.Uvarint(r.b)
	if k <= 0 || v > limit {
		r.fail()
		return 0
	}
	r.b = r.b[k:]
	return v
}

// since reads a time as its distance from base.
func (r *reader) since(base uint32) uint32 {
	v, k := binary.Varint(r.b)
	if k <= 0 || v < -1<<33 || v > 1<<33 || int64(base)+v < 0 || int64(base)+v >= 1<<32 {
		r.fail()
		return 0
	}
	r.b = r.b[k:]
	return uint32(int64(base) + v)
}

func (r *reader) fixed64() (v uint64) {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v, r.b = binary.LittleEndian.Uint64(r.b), r.b[8:]
	return v
}

func (r *reader) visits(g *spot) {
	n := r.uvarint(crowdUsers)
	if r.err != nil {
		return
	}
	g.users = make([]visit, 0, n)
	var base uint32
	for ; n > 0; n-- {
		if len(r.b) < 4 {
			r.fail()
			return
		}
		v := visit{user: binary.LittleEndian.Uint32(r.b)}
		r.b = r.b[4:]
		v.seen = r.since(base)
		base = v.seen
		if back := r.uvarint(uint64(v.seen) + 1); back > 0 {
			v.failed = v.seen - uint32(back-1)
		}
		g.users = append(g.users, v)
	}
}

func (r *reader) tallies(g *spot) {
	n := r.uvarint(failureSlices)
	if n == 0 {
		return
	}
	g.fails = new([failureSlices]tally)
	var base uint32
	for ; n > 0; n-- {
		t := tally{slice: r.since(base), n: uint32(r.uvarint(1<<32 - 1))}
		base = t.slice
		at := &g.fails[t.slice%failureSlices]
		if at.n != 0 || t.n == 0 {
			r.fail()
			return
		}
		*at = t
	}
}
