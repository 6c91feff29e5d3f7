package main

import (
	"strconv"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
)

// explain writes a part with its inputs.
func explain(p decision.Part) string {
	var b strings.Builder
	b.WriteString(words(p.Code))
	for i, d := range p.Detail {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(words(d.Key) + " ")
		if d.IsText {
			b.WriteString(clean(d.Text))
		} else {
			b.WriteString(strconv.FormatFloat(d.Number, 'g', 5, 64))
		}
	}
	return b.String()
}
