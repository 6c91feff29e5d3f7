package journal

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

const (
	// maxWords bounds the texts that one record's entries refer to; later ones are written out each time.
	maxWords = 1 << 16
	// slotsEach is about how many slots the writer's table of texts has for an entry, 1<<slotBits at most in all: more than an event brings
	// texts that are new.
	slotsEach, slotBits = 16, 14
)

var (
	errCut   = errors.New("cut")
	errRange = errors.New("a value is out of range")
)

// coder writes or reads entries in their compact form. One description of the fields serves both ways (see fields.go),
// so that they cannot differ: each method writes what its pointer holds, or reads into it. Only decisions are also written straight
// from the engine's value (judged.go). After the first error a reading coder gives zero values.
type coder struct {
	b       []byte // written so far, or what is left to read
	reading bool
	err     error

	// all is what is read, as a text that the texts of the record are cut out of.
	all   string
	words []string // read: texts in the order they came first
	// written and table are what a writer has instead: how many words there are, and where it has written them. That lies closer
	// together than the events' own texts do.
	written int
	table   []slot
	shift   uint // of a hash, so that it is a place in table
	// outlined is what a writer knows of outlines, had are those that the record that is read has had so far.
	outlined *outlines
	had      []*outline
	// attrs are the attributes of the event that is written, where it does not have them itself.
	attrs []event.Attribute

	// what the entry before had, as most entries differ little from it
	at, time, received int64
}

// slot is a text that was written, found by its hash. Two texts may share a slot; the later one then takes it, and the former is
// written out once more.
type slot struct {
	at   uint32 // where it stands in coder.b; 0: nowhere, since a number comes first
	size uint16
	ref  uint16 // its place in words
}

func (c *coder) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.b = nil
	clear(c.table) // what it says of b is no longer true
}

func (c *coder) u(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	if len(c.b) > 0 && c.b[0] < 0x80 { // nearly always
		*v, c.b = uint64(c.b[0]), c.b[1:]
		return
	}
	n, k := binary.Uvarint(c.b)
	if k <= 0 {
		c.fail(errCut)
		*v = 0
		return
	}
	*v, c.b = n, c.b[k:]
}

func (c *coder) u32(v *uint32) {
	n := uint64(*v)
	c.u(&n)
	if n > math.MaxUint32 {
		c.fail(errRange)
		n = 0
	}
	*v = uint32(n)
}

// z is a number of either sign, small ones in few bytes.
func (c *coder) z(v *int64) {
	n := uint64(*v)<<1 ^ uint64(*v>>63)
	c.u(&n)
	*v = int64(n>>1) ^ -int64(n&1)
}

// step is a number that lies near the one before it.
func (c *coder) step(v, before *int64) {
	d := *v - *before
	c.z(&d)
	*v = *before + d
	*before = *v
}

// count is a length; reading, it is never more than one per byte left.
func (c *coder) count(n int) int {
	v := uint64(n)
	c.u(&v)
	if c.reading && v > uint64(len(c.b)) {
		c.fail(errCut)
		return 0
	}
	return int(v)
}

// raw is a text that nobody repeats.
func (c *coder) raw(s *string) {
	n := c.count(len(*s))
	if !c.reading {
		c.b = append(c.b, *s...)
		return
	}
	*s = c.cut(n)
}

func (c *coder) bytes(b *[]byte) {
	n := c.count(len(*b))
	if !c.reading {
		c.b = append(c.b, *b...)
		return
	}
	*b = nil
	if n > 0 {
		*b, c.b = c.b[:n:n], c.b[n:]
	}
}

func (c *coder) cut(n int) string {
	if n > len(c.b) { // after an error
		return ""
	}
	at := len(c.all) - len(c.b)
	c.b = c.b[n:]
	return c.all[at : at+n]
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

// Numbers with at most three decimals, which nearly all are, are written as whole thousandths; the lowest bit tells.
const (
	thousandths  = 1000
	maxThousands = 1 << 50
)

// number is exact for every value.
func (c *coder) number(f *float64) {
	if !c.reading {
		if math.Float64bits(*f) == 0 { // often
			c.b = append(c.b, 0)
			return
		}
		m := math.RoundToEven(*f * thousandths) // one instruction; a half is no whole number of thousandths either way
		if n := int64(m); math.Abs(m) < maxThousands && math.Float64bits(float64(n)/thousandths) == math.Float64bits(*f) {
			c.b = binary.AppendUvarint(c.b, (uint64(n)<<1^uint64(n>>63))<<1)
			return
		}
		c.b = binary.LittleEndian.AppendUint64(append(c.b, 1), math.Float64bits(*f))
		return
	}
	var n uint64
	c.u(&n)
	switch {
	case n == 1:
		if len(c.b) < 8 {
			c.fail(errCut)
			*f = 0
			return
		}
		*f = math.Float64frombits(binary.LittleEndian.Uint64(c.b))
		c.b = c.b[8:]
	case n&1 == 0:
		n >>= 1
		*f = float64(int64(n>>1)^-int64(n&1)) / thousandths
	default:
		c.fail(errRange)
	}
}

// on is a bit of a mask.
func on(set bool, bit uint) uint64 {
	if set {
		return 1 << bit
	}
	return 0
}
