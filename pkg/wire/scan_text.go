package wire

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string or null ("").
func (sc *scanner) text(field string) string {
	switch sc.peek() {
	case '"':
		return sc.quoted()
	case 'n':
		sc.literal("null")
	default:
		sc.wrong(field, "a string")
	}
	return ""
}

// quoted reads a string; without escapes it is a piece of the input.
func (sc *scanner) quoted() string {
	sc.pos++
	start := sc.pos
	i := start + plainASCII(sc.s[start:])
	if i < len(sc.s) && sc.s[i] == '"' { // nearly always
		sc.pos = i + 1
		return sc.s[start:i]
	}
	ascii := true
	for ; i < len(sc.s); i++ {
		switch c := sc.s[i]; {
		case c == '"':
			sc.pos = i + 1
			s := sc.s[start:i]
			if !ascii && !utf8.ValidString(s) {
				sc.syntax("string is not UTF-8")
				return ""
			}
			return s
		case c == '\\':
			return sc.escaped(start, i)
		case c < 0x20:
			sc.pos = i
			sc.syntax("control character in a string")
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	sc.pos = len(sc.s)
	sc.syntax("string without end")
	return ""
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainASCII is how many leading bytes of s stand for themselves in a JSON string: printable ASCII
// but the quote and the backslash. It looks at eight bytes at a time.
func plainASCII(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, slash := w^'"'*ones, w^'\\'*ones
		// The lowest bit set marks the first special byte; those above it may be wrong.
		if special := (w | (w-0x20*ones)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

func (sc *scanner) escaped(start, i int) string {
	out := append(make([]byte, 0, i-start+32), sc.s[start:i]...)
	for i < len(sc.s) {
		c := sc.s[i]
		switch {
		case c == '"':
			sc.pos = i + 1
			if !utf8.Valid(out) {
				sc.syntax("string is not UTF-8")
				return ""
			}
			return string(out)
		case c < 0x20:
			sc.pos = i
			sc.syntax("control character in a string")
			return ""
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		if i+1 >= len(sc.s) {
			break
		}
		i += 2
		switch e := sc.s[i-1]; e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, n := unicodeEscape(sc.s[i:])
			if n == 0 {
				sc.pos = i
				sc.syntax("bad unicode escape")
				return ""
			}
			out = utf8.AppendRune(out, r)
			i += n
		default:
			sc.pos = i
			sc.syntax("unknown escape")
			return ""
		}
	}
	sc.pos = len(sc.s)
	sc.syntax("string without end")
	return ""
}

// unicodeEscape reads the digits after \u, and the second half of a pair; n is 0 when it is bad.
func unicodeEscape(s string) (r rune, n int) {
	hi, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(hi) {
		return hi, 4
	}
	if len(s) < 10 || s[4] != '\\' || s[5] != 'u' {
		return 0, 0
	}
	lo, ok := hex4(s[6:])
	if r = utf16.DecodeRune(hi, lo); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 10
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		d := unhex(s[i])
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
