package journal

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	// maxWords bounds the texts that one record's entries refer to; later ones are written out each time.
	maxWords = 1 << 16
	// slotsEach is about how many slots the writer's table of texts has for an entry, 1<<slotBits at most in all: more than an event brings
	// texts that are new.
	slotsEach, slotBits = 16, 14
)

// slot is a text that was written, found by its hash. Two texts may share a slot; the later one then takes it, and the former is
// written out once more.
type slot struct {
	at   uint32 // where it stands in coder.b; 0: nowhere, since a number comes first
	size uint16
	ref  uint16 // its place in words
}

// The number before a text says how it is written; from wordFirst on it is a place in words.
const (
	wordNone = iota
	wordNew
	wordFirst
)

// text is a text that the record may hold again: it is written once.
func (c *coder) text(s *string) {
	if c.reading {
		var ref uint64
		c.u(&ref)
		switch {
		case ref == wordNone:
			*s = ""
		case ref == wordNew:
			c.raw(s)
			if len(c.words) < maxWords {
				c.words = append(c.words, *s)
			}
		case ref-wordFirst < uint64(len(c.words)):
			*s = c.words[ref-wordFirst]
		default:
			c.fail(errRange)
		}
		return
	}
	if *s == "" {
		c.b = append(c.b, wordNone)
		return
	}
	in := &c.table[hashOf(*s)>>c.shift]
	if in.at != 0 && int(in.size) == len(*s) && string(c.b[in.at:in.at+uint32(in.size)]) == *s {
		if ref := uint64(in.ref) + wordFirst; ref < 0x80 {
			c.b = append(c.b, byte(ref))
		} else {
			c.b = binary.AppendUvarint(c.b, ref)
		}
		return
	}
	c.b = append(c.b, wordNew)
	c.raw(s)
	if at := len(c.b) - len(*s); c.written < maxWords {
		if len(*s) <= math.MaxUint16 && at <= math.MaxUint32 {
			*in = slot{at: uint32(at), size: uint16(len(*s)), ref: uint16(c.written)}
		}
		c.written++
	}
}

// empty forgets the texts and makes the table fit for n entries: that of a small record is small, so that it stays in the processor's
// cache beside all else.
func (c *coder) empty(n int) {
	size := min(bits.Len(uint(n*slotsEach)), slotBits)
	if cap(c.table) < 1<<size {
		c.table = make([]slot, 1<<size)
	}
	c.table = c.table[:1<<size]
	clear(c.table)
	c.shift, c.written = 64-uint(size), 0
	if c.outlined == nil {
		c.outlined = new(outlines)
	}
	c.outlined.next()
}

// hashOf mixes a text's length, beginning, middle and end: a poor hash, and several times quicker than a good one. Texts
// that share a slot cost bytes, nothing else.
func hashOf(s string) uint64 {
	n := len(s)
	var a, b uint64
	switch {
	case n >= 8:
		a, b = load64(s), load64(s[n-8:])
		if n > 16 {
			a ^= bits.RotateLeft64(load64(s[n/2-4:]), 29)
		}
	case n >= 3:
		a, b = uint64(s[0])|uint64(s[1])<<8|uint64(s[n/2])<<16, uint64(s[n-2])|uint64(s[n-1])<<8
	default:
		a, b = uint64(s[0]), uint64(s[n-1])
	}
	return (a ^ bits.RotateLeft64(b, 31) ^ uint64(n)<<56) * 0x9e3779b97f4a7c15
}

// load64 is one load instruction.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (c *coder) texts(s *[]string) {
	n := c.count(len(*s))
	if c.reading && n > 0 {
		*s = make([]string, n)
	}
	for i := range n {
		c.text(&(*s)[i])
	}
}
