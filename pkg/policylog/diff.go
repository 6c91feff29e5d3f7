package policylog

import "strings"

// Line of a difference between two texts.
type Line struct {
	// Kind is ' ' in both, '-' only in the first, '+' only in the second.
	Kind byte   `json:"kind"`
	Text string `json:"text"`
}

// maxDiffCells bounds the work of [Diff]; what exceeds it is shown as all old, then all new.
const maxDiffCells = 16 << 20

// Diff compares texts line by line: the longest common sequence of lines stays.
func Diff(before, after string) []Line {
	a, b := lines(before), lines(after)
	var head, tail []Line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, Line{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, Line{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	out := append(head, middle(a, b)...)
	for i := len(tail) - 1; i >= 0; i-- {
		out = append(out, tail[i])
	}
	return out
}

func middle(a, b []string) []Line {
	var out []Line
	if len(a)*len(b) > maxDiffCells {
		for _, s := range a {
			out = append(out, Line{'-', s})
		}
		for _, s := range b {
			out = append(out, Line{'+', s})
		}
		return out
	}
	// common[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, Line{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			out = append(out, Line{'-', a[i]})
			i++
		default:
			out = append(out, Line{'+', b[j]})
			j++
		}
	}
	return out
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}
