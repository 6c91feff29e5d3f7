package journal

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

var (
	errCut   = errors.New("cut")
	errRange = errors.New("a value is out of range")
)

// coder writes or reads entries in their compact form. One description of the fields serves both ways (fields.go,
// fields_event.go), so that they cannot differ: each method writes what its pointer holds, or reads into it. Only decisions are also written straight
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
