package enrich

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// crowdForm is the version of a crowd's stored form.
const crowdForm = 1

// Name of the section of a partition's state that holds a crowd.
func (c *Crowd) Name() string { return "crowd" }

// Version of the stored form that AppendTo writes.
func (c *Crowd) Version() uint64 { return crowdForm }

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
