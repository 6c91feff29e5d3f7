package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a policy file.
type Problem struct {
	// Line in the file, from 1; 0 when it concerns the whole.
	Line int
	// Key is the path of the key, such as rules[2].then.
	Key string
	// Text says what is wrong, and what was probably meant.
	Text string
}

func (p Problem) String() string {
	s := p.Text
	if p.Key != "" {
		s = p.Key + ": " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("line %d: %s", p.Line, s)
	}
	return s
}

// Problems are all faults of a policy file, in its order. A file with any is refused as a whole.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// suggest returns "; did you mean X?" for the nearest of the known names, "" when none is near.
func suggest(got string, known []string) string {
	best, distance := "", 1+max(1, len(got)/3)
	for _, k := range known {
		if d := edits(got, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// edits is how many single-byte changes (swaps of neighbours count one) make b of a.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func sortByLine(ps Problems) {
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Line - b.Line })
}
