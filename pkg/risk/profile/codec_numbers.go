package profile

import (
	"encoding/binary"
	"fmt"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// writer appends the primitive forms. Times are written as distance before the watermark: small numbers.
type writer struct {
	b    []byte
	mark event.Millis
}

func (w *writer) byte(v byte)      { w.b = append(w.b, v) }
func (w *writer) n(v int)          { w.u(uint64(v)) }
func (w *writer) fixed32(v uint32) { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *writer) fixed64(v uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, v) }

// u is small enough to be inlined; most numbers take one byte.
func (w *writer) u(v uint64) {
	if v < 0x80 {
		w.b = append(w.b, byte(v))
		return
	}
	w.long(v)
}

func (w *writer) long(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) z(v int64)     { w.u(uint64(v)<<1 ^ uint64(v>>63)) }

func (w *writer) text(s string) {
	w.n(len(s))
	w.b = append(w.b, s...)
}

// millis writes a time; 0 (unknown) is a single zero byte.
func (w *writer) millis(t event.Millis) { w.time(t, int64(w.mark-t)) }

// seconds writes a time that is known to be whole seconds.
func (w *writer) seconds(t event.Millis) { w.time(t, int64(w.mark/1000-t/1000)) }

func (w *writer) time(t event.Millis, d int64) {
	if t == 0 {
		w.byte(0)
		return
	}
	if d >= 0 {
		d++ // 0 is unknown
	}
	w.z(d)
}

type reader struct {
	b     []byte
	i     int
	mark  event.Millis
	texts *Decoder
	first bool // the form of codecFirst
	err   error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at byte %d of %d: %w", what, r.i, len(r.b), ErrCorrupt)
	}
	r.i = len(r.b)
}

func (r *reader) byte() byte {
	if r.i >= len(r.b) {
		r.fail("byte")
		return 0
	}
	r.i++
	return r.b[r.i-1]
}

// u is small enough to be inlined; most numbers take one byte.
func (r *reader) u() uint64 {
	if i := r.i; i < len(r.b) && r.b[i] < 0x80 {
		r.i = i + 1
		return uint64(r.b[i])
	}
	return r.long()
}

func (r *reader) long() uint64 {
	if b := r.b[r.i:]; len(b) > 1 && b[1] < 0x80 { // two bytes: the first is known to go on
		r.i += 2
		return uint64(b[0]&0x7f) | uint64(b[1])<<7
	}
	v, n := binary.Uvarint(r.b[r.i:])
	if n <= 0 {
		r.fail("number")
		return 0
	}
	r.i += n
	return v
}

func (r *reader) z() int64 {
	v := r.u()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) u32() uint32 {
	v := r.u()
	if v>>32 != 0 {
		r.fail("range")
	}
	return uint32(v)
}

func (r *reader) u16() uint16 {
	v := r.u()
	if v>>16 != 0 {
		r.fail("range")
	}
	return uint16(v)
}

func (r *reader) z32() int32 {
	v := r.z()
	if v != int64(int32(v)) {
		r.fail("range")
	}
	return int32(v)
}

// n reads a count, at most limit.
func (r *reader) n(limit int) int {
	v := r.u()
	if v > uint64(limit) {
		r.fail("count")
		return 0
	}
	return int(v)
}

func (r *reader) fixed32() uint32 {
	if len(r.b)-r.i < 4 {
		r.fail("fixed32")
		return 0
	}
	r.i += 4
	return binary.LittleEndian.Uint32(r.b[r.i-4:])
}

func (r *reader) fixed64() uint64 {
	if len(r.b)-r.i < 8 {
		r.fail("fixed64")
		return 0
	}
	r.i += 8
	return binary.LittleEndian.Uint64(r.b[r.i-8:])
}

func (r *reader) text(limit int) string {
	n := r.n(limit)
	if n == 0 {
		return ""
	}
	if len(r.b)-r.i < n {
		r.fail("text")
		return ""
	}
	r.i += n
	return r.texts.text(r.b[r.i-n : r.i])
}

func (r *reader) millis() event.Millis {
	d, ok := r.time()
	if !ok {
		return 0
	}
	return r.mark - event.Millis(d)
}

func (r *reader) seconds() event.Millis {
	d, ok := r.time()
	if !ok {
		return 0
	}
	return (r.mark/1000 - event.Millis(d)) * 1000
}

func (r *reader) time() (int64, bool) {
	d := r.z()
	if d == 0 || r.err != nil {
		return 0, false
	}
	if d > 0 {
		d--
	}
	return d, true
}
