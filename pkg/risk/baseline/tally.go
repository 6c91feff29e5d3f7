package baseline

import (
	"cmp"
	"slices"
)

// tally counts values, and who showed them.
type tally struct {
	total  float64
	values map[string]*value
}

type value struct {
	n    float64
	seen []uint32 // up to [fewest] users
}

func (t *tally) add(name string, user uint32) {
	if name == "" {
		return
	}
	t.total++
	v := t.values[name]
	if v == nil {
		if len(t.values) >= maxValues {
			return
		}
		if t.values == nil {
			t.values = map[string]*value{}
		}
		v = &value{}
		t.values[name] = v
	}
	v.n++
	if len(v.seen) < fewest && !slices.Contains(v.seen, user) {
		v.seen = append(v.seen, user)
	}
}

// shares mixes what was counted with what one started from.
func (t *tally) shares(from map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for _, name := range keys(from) {
		out[name] = clamp((t.count(name) + weight*from[name]) / (t.total + weight))
	}
	for _, name := range keys(t.values) {
		if v := t.values[name]; len(v.seen) >= fewest {
			out[name] = clamp((v.n + weight*from[name]) / (t.total + weight))
		}
	}
	return out
}

func (t *tally) count(name string) float64 {
	if v := t.values[name]; v != nil {
		return v.n
	}
	return 0
}

func under(m map[string]*tally, name string) *tally {
	t := m[name]
	if t == nil {
		t = &tally{}
		m[name] = t
	}
	return t
}

func nested(counted map[string]*tally, from map[string]map[string]float64) map[string]map[string]float64 {
	out := map[string]map[string]float64{}
	for _, name := range keys(from) {
		t := counted[name]
		if t == nil {
			t = &tally{}
		}
		out[name] = t.shares(from[name])
	}
	for _, name := range keys(counted) {
		if _, done := out[name]; !done {
			if s := counted[name].shares(nil); len(s) > 0 {
				out[name] = s
			}
		}
	}
	return out
}

// clamp keeps a share printable and off zero.
func clamp(share float64) float64 {
	return cmp.Or(min(1, max(1e-6, float64(int64(share*1e6+0.5))/1e6)), 1e-6)
}
