package wire

import (
	"math"
	"strconv"
)

// token reads a number's text by the JSON grammar; "" when it is none.
func (sc *scanner) token() (s string, integer bool) {
	i, start := sc.pos, sc.pos
	at := func() byte {
		if i < len(sc.s) {
			return sc.s[i]
		}
		return 0
	}
	digits := func() bool {
		from := i
		for c := at(); c >= '0' && c <= '9'; c = at() {
			i++
		}
		return i > from
	}
	if at() == '-' {
		i++
	}
	if at() == '0' {
		i++
	} else if !digits() {
		return "", false
	}
	integer = true
	if at() == '.' {
		integer = false
		if i++; !digits() {
			return "", false
		}
	}
	if c := at(); c == 'e' || c == 'E' {
		integer = false
		i++
		if c = at(); c == '+' || c == '-' {
			i++
		}
		if !digits() {
			return "", false
		}
	}
	sc.pos = i
	return sc.s[start:i], integer
}

// number reads a finite number; given is false for null.
func (sc *scanner) number(field string) (f float64, given bool) {
	c := sc.peek()
	if c == 'n' {
		sc.literal("null")
		return 0, false
	}
	tok, _ := sc.token()
	if tok == "" {
		sc.wrong(field, "a number")
		return 0, false
	}
	f, err := strconv.ParseFloat(tok, 64)
	if err != nil { // out of range: infinite
		return math.Inf(1), true
	}
	return f, true
}

// whole reads an integer from 0 to limit, or null (0). 3.0 and 3e0 are integers too.
func (sc *scanner) whole(field string, limit uint64) uint64 {
	c := sc.peek()
	if c == 'n' {
		sc.literal("null")
		return 0
	}
	tok, integer := sc.token()
	if tok == "" {
		sc.wrong(field, "a number")
		return 0
	}
	if integer && tok[0] != '-' {
		if n, err := strconv.ParseUint(tok, 10, 64); err == nil && n <= limit {
			return n
		}
	} else if f, err := strconv.ParseFloat(tok, 64); err == nil && f >= 0 && f <= float64(limit) && f == math.Trunc(f) && f < 1<<63 {
		return uint64(f)
	}
	if sc.err == nil {
		sc.err = invalid(ReasonBadValue, field+": want a whole number from 0 to "+strconv.FormatUint(limit, 10))
		sc.pos = len(sc.s)
	}
	return 0
}
