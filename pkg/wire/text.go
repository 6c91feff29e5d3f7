package wire

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bounded refuses text that is too long, not UTF-8, or holds control characters.
func bounded(field, s string, limit int, required bool) error {
	if s == "" {
		if required {
			return invalid(ReasonMissingField, field)
		}
		return nil
	}
	if len(s) > limit {
		return invalid(ReasonTooLarge, field)
	}
	if printable(s) {
		return nil
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return invalid(ReasonBadValue, field+": control character")
		}
	}
	if !utf8.ValidString(s) {
		return invalid(ReasonBadValue, field+": not UTF-8")
	}
	return nil
}

// cut shortens s to at most limit bytes at a character's end, replaces bytes that are not UTF-8, and
// makes control characters blanks: what a stranger wrote must not steer an analyst's terminal.
func cut(s string, limit int) string {
	if len(s) > limit {
		n := limit
		for n > limit-utf8.UTFMax && n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	if printable(s) {
		return s
	}
	if !utf8.ValidString(s) {
		if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > limit {
			return cut(s, limit)
		}
	}
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// printable tells that s is ASCII without control characters, as nearly every text is: eight bytes at a time.
func printable(s string) bool {
	b := []byte(s) // no copy: nobody keeps it
	if len(b) < 8 {
		for _, c := range b {
			if c-0x20 >= 0x7f-0x20 {
				return false
			}
		}
		return true
	}
	last := binary.LittleEndian.Uint64(b[len(b)-8:]) // some of them a second time
	for ; len(b) > 8; b = b[8:] {
		if !printable8(binary.LittleEndian.Uint64(b)) {
			return false
		}
	}
	return printable8(last)
}

// printable8 looks at each byte of w. None is over 0x7f, so that no sum carries into its neighbour: then 0x60 more sets the high bit of those
// from 0x20 on, and one more that of 0x7f.
func printable8(w uint64) bool {
	return (w|(w+ones)|^(w+0x60*ones))&highs == 0
}
