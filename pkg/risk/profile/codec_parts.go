package profile

import (
	"encoding/binary"
	"math/bits"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// A node is one byte of level and key size, the parent, the key in as few bytes as it needs, and the sum.
func (w *writer) tree(t *Tree) {
	w.n(len(t.Nodes))
	for i := range t.Nodes {
		n := &t.Nodes[i]
		size := (bits.Len32(n.Key) + 7) / 8
		k := n.Key
		w.b = append(w.b, n.Level<<4|byte(size), n.Parent, byte(k), byte(k>>8), byte(k>>16), byte(k>>24))
		w.b = w.b[:len(w.b)-4+size]
		w.u(uint64(n.Weight))
	}
}

func (r *reader) tree(t *Tree, limit int) {
	for i := range r.n(limit) {
		head := r.byte()
		n := Node{Level: head >> 4, Parent: r.byte()}
		n.Key = r.key(int(head & 15))
		n.Weight = r.u32()
		if int(n.Level) >= MaxLevels || head&15 > 4 || n.Key == 0 || n.Parent != NoParent && (int(n.Parent) >= i || t.Nodes[n.Parent].Level >= n.Level) {
			r.fail("node")
			return
		}
		t.Nodes = append(t.Nodes, n)
	}
}

// key reads a number of that many bytes, at most four.
func (r *reader) key(size int) (k uint32) {
	if size <= 4 && len(r.b)-r.i >= 4 { // nearly always: one load
		k = binary.LittleEndian.Uint32(r.b[r.i:]) & uint32(1<<(8*size)-1)
		r.i += size
		return k
	}
	for j := range size {
		k |= uint32(r.byte()) << (8 * j)
	}
	return k
}

// Hours are mostly empty: a bit set of the slots that are not, then their sums.
func (w *writer) hours(h *Hours) {
	var set uint64
	for i, v := range h.Weight {
		if v != 0 {
			set |= 1 << i
		}
	}
	w.u(set)
	for ; set != 0; set &= set - 1 {
		w.u(uint64(h.Weight[bits.TrailingZeros64(set)]))
	}
}

func (r *reader) hours(h *Hours) {
	set := r.u()
	if set>>48 != 0 {
		r.fail("hours")
		return
	}
	for ; set != 0; set &= set - 1 {
		h.Weight[bits.TrailingZeros64(set)] = r.u32()
	}
}

func (w *writer) counts(cs []Count) {
	w.n(len(cs))
	for _, c := range cs {
		w.fixed32(c.Key)
		w.u(uint64(c.Weight))
	}
}

func (r *reader) counts(cs []Count) []Count {
	for range r.n(MaxActions) {
		cs = append(cs, Count{Key: r.fixed32(), Weight: r.u32()})
	}
	return cs
}

func (w *writer) rate(v *Rate) {
	w.seconds(event.Millis(v.Current) * Bucket)
	w.u(uint64(v.Count))
	w.u(uint64(v.Actions))
	w.u(uint64(v.Windows))
}

func (r *reader) rate(v *Rate) {
	v.Current = int64(r.seconds() / Bucket)
	v.Count = r.u32()
	v.Actions = r.u32()
	v.Windows = r.u32()
}

func (w *writer) volume(v Volume) {
	w.u(uint64(v.N))
	if v.N != 0 {
		w.z(int64(v.Mean))
		w.z(int64(v.Var))
	}
}

func (r *reader) volume() (v Volume) {
	if v.N = r.u16(); v.N != 0 {
		v.Mean, v.Var = r.z32(), r.z32()
	}
	return v
}

func (w *writer) sighting(s *Sighting) {
	w.seconds(s.At)
	if !s.Known() {
		return
	}
	w.z(int64(s.Lat))
	w.z(int64(s.Lon))
	w.u(uint64(s.Radius))
	w.byte(byte(s.Kind))
	w.u(uint64(s.ASN))
	w.u(uint64(s.Country))
	w.text(s.Name)
}

func (r *reader) sighting() (s Sighting) {
	s.At = r.seconds()
	if !s.Known() {
		return s
	}
	s.Lat, s.Lon = r.z32(), r.z32()
	s.Radius = r.u16()
	s.Kind = event.NetworkKind(r.byte())
	s.ASN, s.Country = r.u32(), r.u32()
	s.Name = r.text(MaxText)
	return s
}

// A path is a bit set of the levels that are known, then their keys.
func (w *writer) path(p *Path) {
	at := len(w.b)
	w.byte(0)
	for i, k := range p {
		if k != 0 {
			w.b[at] |= 1 << i
			w.fixed32(k)
		}
	}
}

func (r *reader) path() (p Path) {
	if r.first {
		for i := range p {
			p[i] = r.u32()
		}
		return p
	}
	set := r.byte()
	if set>>MaxLevels != 0 {
		r.fail("path")
		return p
	}
	for i := range p {
		if set&(1<<i) != 0 {
			if p[i] = r.fixed32(); p[i] == 0 {
				r.fail("path")
			}
		}
	}
	return p
}
