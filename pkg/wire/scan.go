package wire

import "strconv"

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
