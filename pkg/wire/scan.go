package wire

import (
	"math"
	"strconv"
)

// maxDepth bounds nesting in JSON, so that hostile input cannot grow the stack.
const maxDepth = 32

// scanner reads one JSON text front to back. It is strict (RFC 8259 grammar, valid UTF-8, no lone
// surrogates, nothing after the value) and keeps its first error: after one, every call returns a
// zero value and loops end. It is hand-written because the contract is one small fixed shape: that
// way reading and checking an event costs less than the fast general decoders (goccy, sonic) take
// to read it unchecked, allocates nothing, and errors name the field.
type scanner struct {
	s     string
	pos   int
	depth int
	err   error
}

func (sc *scanner) fail(detail string) {
	if sc.err == nil {
		sc.err = invalid(ReasonMalformed, detail)
	}
	sc.pos = len(sc.s)
}

func (sc *scanner) syntax(what string) {
	if sc.err == nil {
		sc.fail("JSON at byte " + strconv.Itoa(sc.pos) + ": " + what)
	}
}

// wrong reports a value of the wrong JSON type.
func (sc *scanner) wrong(field, want string) {
	if sc.err == nil {
		sc.fail(field + ": want " + want)
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (sc *scanner) peek() byte {
	if sc.pos < len(sc.s) && sc.s[sc.pos] > ' ' {
		return sc.s[sc.pos]
	}
	return sc.space()
}

func (sc *scanner) space() byte {
	s := sc.s
	for i := sc.pos; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			sc.pos = i
			return c
		}
	}
	sc.pos = len(s)
	return 0
}

// end checks that nothing follows.
func (sc *scanner) end() {
	if sc.peek() != 0 || sc.pos < len(sc.s) {
		sc.syntax("more after the value")
	}
}

// open enters an object or array; false when the next value is another thing (nothing is consumed).
func (sc *scanner) open(c byte) bool {
	if sc.err != nil || sc.peek() != c {
		return false
	}
	if sc.depth++; sc.depth > maxDepth {
		sc.syntax("nested too deeply")
		return false
	}
	sc.pos++
	return true
}

// more moves to the next member or element; false after the closing byte or an error.
func (sc *scanner) more(first *bool, closing byte) bool {
	c := sc.peek()
	switch {
	case sc.err != nil:
		return false
	case c == closing:
		sc.pos++
		sc.depth--
		return false
	case *first:
		*first = false
		return true
	case c == ',':
		sc.pos++
		if c = sc.peek(); c == closing {
			sc.syntax("comma before the end")
			return false
		}
		return true
	}
	sc.syntax("want a comma or the end")
	return false
}

// key reads a member's name and its colon.
func (sc *scanner) key() string {
	if sc.peek() != '"' {
		sc.syntax("want a member name")
		return ""
	}
	k := sc.quoted()
	if sc.peek() != ':' {
		sc.syntax("want a colon")
		return ""
	}
	sc.pos++
	return k
}

// null consumes a null; absent and null mean the same everywhere.
func (sc *scanner) null() bool {
	if sc.peek() != 'n' {
		return false
	}
	sc.literal("null")
	return true
}

func (sc *scanner) literal(word string) {
	if len(sc.s)-sc.pos < len(word) || sc.s[sc.pos:sc.pos+len(word)] != word {
		sc.syntax("unknown literal")
		return
	}
	sc.pos += len(word)
}

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

// skip passes over any value and checks its grammar.
func (sc *scanner) skip() {
	switch c := sc.peek(); {
	case c == '"':
		sc.quoted()
	case c == '{':
		if !sc.open('{') {
			return
		}
		for first := true; sc.more(&first, '}'); {
			sc.key()
			sc.skip()
		}
	case c == '[':
		if !sc.open('[') {
			return
		}
		for first := true; sc.more(&first, ']'); {
			sc.skip()
		}
	case c == 't':
		sc.literal("true")
	case c == 'f':
		sc.literal("false")
	case c == 'n':
		sc.literal("null")
	default:
		if tok, _ := sc.token(); tok == "" {
			sc.syntax("want a value")
		}
	}
}
