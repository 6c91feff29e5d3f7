package api

import "strconv"

func whole(n uint64) string { return strconv.FormatUint(n, 10) }

// trimmed is a recorded number, without digits that say nothing.
func trimmed(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// hex is a number in hexadecimal with at least so many digits.
func hex(r rune, digits int) string {
	s := strconv.FormatInt(int64(r), 16)
	for len(s) < digits {
		s = "0" + s
	}
	return s
}
