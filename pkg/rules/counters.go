package rules

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

const (
	// minWindow and maxWindow bound a counter's window, seconds.
	minWindow = 60
	maxWindow = 30 * 86400
)

// counter is one counter as read.
type counter struct {
	name      string
	condition *condition
	sum       string
	policy.Counter
}

// readCounters compiles what counts. Counters cannot ask each other.
func (r *reader) readCounters(f *File, lists []*list, texts map[string]counterText) (out []*counter) {
	if len(texts) == 0 {
		return nil
	}
	if len(texts) > profile.MaxCounters {
		r.fault(r.lines["counters"], "counters", "%d counters, limit %d", len(texts), profile.MaxCounters)
		return nil
	}
	lang, err := newLanguage(lists, nil)
	if err != nil {
		r.fault(r.lines["counters"], "counters", "preparing the language: %v", err)
		return nil
	}
	sums := []string{"count", "bytes", "events"}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		key, t := "counters."+name, texts[name]
		line := func(k string) int { return cmp.Or(r.lines[key+"."+k], r.lines[key]) }
		if !isName(name) {
			r.fault(r.lines[key], key, "want a name of small letters, digits and _, such as exports")
		}
		if t.Sum = cmp.Or(t.Sum, "count"); !slices.Contains(sums, t.Sum) {
			r.fault(line("sum"), key+".sum", "want count, bytes or events%s", suggest(t.Sum, sums))
		}
		if t.Window < minWindow || t.Window > maxWindow {
			r.fault(line("window"), key+".window", "want 1m to 30d")
		}
		if strings.TrimSpace(t.When) == "" || len(t.When) > maxCondition {
			r.fault(line("when"), key+".when", "want a condition of 1 to %d bytes, such as event.action == \"auth.login\"", maxCondition)
			continue
		}
		c, faults := lang.compile(t.When)
		for _, x := range faults {
			r.fault(line("when")+x.line, key+".when", "%s", x.text)
		}
		if c == nil {
			continue
		}
		f.Cost += c.cost
		out = append(out, &counter{name, c, t.Sum, policy.Counter{
			Key: profile.Hash32(strings.Join([]string{name, strings.Join(strings.Fields(t.When), " "), t.Sum}, "\x00")), Window: t.Window,
		}})
	}
	return out
}

// Counters implements [policy.Counting].
func (s *set) Counters() []policy.Counter { return s.counted }

// Amounts implements [policy.Counting]. A condition that fails, such as by a division by zero, does not count.
func (s *set) Amounts(f *policy.Facts, amounts []uint64) []uint64 {
	sc := s.scenes.Get().(*scene)
	sc.begin(f, nil)
	for _, c := range s.counters {
		n := uint64(0)
		if applies, _ := sc.holds(c.condition); applies {
			n = c.amount(f)
		}
		amounts = append(amounts, n)
	}
	sc.end()
	s.scenes.Put(sc)
	return amounts
}

func (c *counter) amount(f *policy.Facts) uint64 {
	switch c.sum {
	case "bytes":
		return f.Event.Bytes
	case "events":
		return 1
	}
	return uint64(max(1, f.Event.Count))
}
