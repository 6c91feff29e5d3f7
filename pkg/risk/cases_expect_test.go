package risk_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// check compares a decision with what a case expects and says what differs.
func (st *stage) check(x *expect, d *decision.Decision) (bad []string) {
	differs := func(what string, got, want any) {
		bad = append(bad, fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
	status := []string{"", "scored", "duplicate", "late", "dead"}[d.Status]
	want := x.Status
	if want == "" {
		want = "scored"
	}
	if status != want {
		differs("status", status+" "+d.Reason, want)
	}
	text := func(what, got, want string) {
		if want != "" && got != want {
			differs(what, got, want)
		}
	}
	text("action", string(d.Action), x.Action)
	text("state", d.SessionState, x.State)
	text("level", d.Level, x.Level)
	if x.Rule != nil && d.Rule != *x.Rule {
		differs("rule", d.Rule, *x.Rule)
	}
	number := func(what string, got float64, want string) {
		if want != "" && !satisfies(got, want) {
			differs(what, got, want)
		}
	}
	number("risk", d.Risk, x.Risk)
	number("impossible_travel", d.Scores.ImpossibleTravel, x.Travel)
	number("new_device", d.Scores.NewDevice, x.Device)
	number("deviation", d.Scores.Deviation, x.Deviation)
	for _, code := range x.Has {
		if p := part(d, code); p == nil || p.Nats == 0 {
			differs("parts", codes(d), code)
		}
	}
	for _, code := range x.Lacks {
		if p := part(d, code); p != nil && p.Nats != 0 {
			differs("parts", codes(d), "no "+code)
		}
	}
	for _, name := range x.Unknown {
		if !slices.Contains(d.Unknown, name) {
			differs("unknown", d.Unknown, name)
		}
	}
	for key, want := range x.Detail {
		code, name, _ := strings.Cut(key, ".")
		if got, ok := detail(d, code, name); !ok || !same(got, want) {
			differs("detail "+key, got, want)
		}
	}
	if x.Scope != "" {
		got := "no signal"
		if n := len(d.Signals); n > 0 {
			got = scopeText(d.Signals[n-1].Scope)
		}
		text("scope", got, x.Scope)
	}
	if x.Signals != nil {
		var got []string
		for _, s := range d.Signals {
			got = append(got, fmt.Sprintf("%s %d %s", s.State, s.Revision, s.Cause))
		}
		if !slices.EqualFunc(got, x.Signals, strings.HasPrefix) {
			differs("signals", got, x.Signals)
		}
	}
	return bad
}

// scopeText is how cases write what a signal is about.
func scopeText(s signal.Scope) string {
	var words []string
	say := func(kind, what string) {
		if what != "" {
			words = append(words, kind+" "+what)
		}
	}
	say("class", [...]string{"", "public", "internal", "restricted", "critical"}[s.Class])
	say("action", s.Action)
	say("resource", strings.TrimSuffix(s.ResourceType+"/"+s.ResourceID, "/"))
	if len(words) == 0 {
		return "session"
	}
	return strings.Join(words, ", ")
}

// satisfies reads "< 30", ">= 60", "1.8" or "10..20".
func satisfies(got float64, want string) bool {
	want = strings.ReplaceAll(want, " ", "")
	if lo, hi, ok := strings.Cut(want, ".."); ok {
		return satisfies(got, ">="+lo) && satisfies(got, "<="+hi)
	}
	for _, op := range []string{"<=", ">=", "<", ">", ""} {
		if rest, ok := strings.CutPrefix(want, op); ok {
			v, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				return false
			}
			switch op {
			case "<=":
				return got <= v
			case ">=":
				return got >= v
			case "<":
				return got < v
			case ">":
				return got > v
			}
			return got == v
		}
	}
	return false
}

func same(got any, want string) bool {
	if v, ok := got.(float64); ok {
		return satisfies(v, want)
	}
	return got == want
}

func part(d *decision.Decision, code string) *decision.Part {
	for i := range d.Parts {
		if d.Parts[i].Code == code {
			return &d.Parts[i]
		}
	}
	return nil
}

func detail(d *decision.Decision, code, name string) (any, bool) {
	p := part(d, code)
	if p == nil {
		return "no such part", false
	}
	for _, x := range p.Detail {
		if x.Key == name && x.IsText {
			return x.Text, true
		} else if x.Key == name {
			return x.Number, true
		}
	}
	return "no such detail", false
}

func codes(d *decision.Decision) (list []string) {
	for _, p := range d.Parts {
		list = append(list, p.Code)
	}
	return list
}

// shown prints a decision for the reader of a failed case.
func shown(d *decision.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    risk %v %s, %s, session %s, rule %q, unknown %v\n", d.Risk, d.Level, d.Action, d.SessionState, d.Rule, d.Unknown)
	for _, p := range d.Parts {
		fmt.Fprintf(&b, "    %+7.3f %-20s", p.Nats, p.Code)
		for _, x := range p.Detail {
			if x.IsText {
				fmt.Fprintf(&b, " %s=%s", x.Key, x.Text)
			} else {
				fmt.Fprintf(&b, " %s=%v", x.Key, x.Number)
			}
		}
		b.WriteByte('\n')
	}
	for _, s := range d.Signals {
		fmt.Fprintf(&b, "    signal %s %d %s\n", s.State, s.Revision, s.Cause)
	}
	return b.String()
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
