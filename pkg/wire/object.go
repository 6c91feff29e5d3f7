package wire

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// object writes members one after another and knows when a comma is due.
type object struct {
	b []byte
}

func begin(dst []byte) object { return object{b: append(dst, '{')} }

// comma writes one unless this is the first member or element. An object's first byte is never
// preceded by anything but its own bracket, so the last byte tells.
func (o *object) comma() {
	if c := o.b[len(o.b)-1]; c != '{' && c != '[' {
		o.b = append(o.b, ',')
	}
}

func (o *object) name(k string) {
	o.comma()
	o.b = append(appendQuoted(o.b, k), ':')
}

func (o *object) open(k string, c byte) {
	o.name(k)
	o.b = append(o.b, c)
}

func (o *object) close(c byte) { o.b = append(o.b, c) }

func (o *object) text(k, v string) {
	o.name(k)
	o.b = appendQuoted(o.b, v)
}

func (o *object) maybe(k, v string) {
	if v != "" {
		o.text(k, v)
	}
}

func (o *object) texts(k string, vs []string) {
	o.open(k, '[')
	for _, v := range vs {
		o.comma()
		o.b = appendQuoted(o.b, v)
	}
	o.close(']')
}

func (o *object) uint(k string, v uint64) {
	o.name(k)
	o.b = strconv.AppendUint(o.b, v, 10)
}

func (o *object) maybeUint(k string, v uint64) {
	if v != 0 {
		o.uint(k, v)
	}
}

func (o *object) number(k string, v float64) {
	o.name(k)
	o.b = appendNumber(o.b, v)
}

// appendNumber writes the shortest text that reads back as v, exponents as ECMAScript writes
// them. JSON has no NaN and no infinity; they become null, which is "unknown" everywhere.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	if v == 0 {
		return append(dst, '0')
	}
	if abs := math.Abs(v); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' { // e-07 to e-7
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendQuoted writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := plainASCII(s)
	if plain == len(s) {
		return append(append(dst, s...), '"')
	}
	start := 0
	for i := plain; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
