package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

const (
	// MaxLists and MaxListEntries bound the lists of a policy.
	MaxLists       = 64
	MaxListEntries = 20_000
)

// list is one named list. The language sees a list of texts; "in" asks holds.
type list struct {
	name  string
	texts traits.Lister
	size  int
	holds func(s string, f *policy.Facts) bool
	// holdsAddress is holds of the address's text, for lists of networks.
	holdsAddress func(a netip.Addr) bool
}

// listed is a list while one event is judged.
type listed struct {
	traits.Lister
	list  *list
	facts *policy.Facts
}

// Contains is the "in" of the language.
func (l listed) Contains(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	return types.Bool(ok && l.list.holds(string(s), l.facts))
}

func newList(name string, t *listText) (*list, error) {
	kinds := 0
	for _, n := range []int{len(t.Networks), len(t.Values), len(t.Trips)} {
		if n > MaxListEntries {
			return nil, fmt.Errorf("has %d entries, limit %d", n, MaxListEntries)
		}
		if n > 0 {
			kinds++
		}
	}
	if kinds > 1 || kinds == 0 && t.Networks == nil && t.Values == nil && t.Trips == nil {
		return nil, fmt.Errorf("want exactly one of networks, values and trips")
	}
	l := &list{name: name}
	var shown []string
	var err error
	switch {
	case t.Networks != nil:
		shown = t.Networks
		if l.holdsAddress, err = networks(t.Networks); err == nil {
			l.holds = func(s string, _ *policy.Facts) bool {
				a, err := netip.ParseAddr(s)
				return err == nil && l.holdsAddress(a)
			}
		}
	case t.Trips != nil:
		for i := range t.Trips {
			shown = append(shown, t.Trips[i].User)
		}
		l.holds, err = trips(t.Trips)
	default:
		shown = t.Values
		set := make(map[string]bool, len(t.Values))
		for _, v := range t.Values {
			set[v] = true
		}
		l.holds = func(s string, _ *policy.Facts) bool { return set[s] }
	}
	l.size = len(shown)
	l.texts = types.NewStringList(types.DefaultTypeAdapter, shown)
	return l, err
}

// networks finds an address by the prefix lengths in use, longest first.
func networks(texts []string) (func(netip.Addr) bool, error) {
	set := map[netip.Prefix]bool{}
	var bits4, bits6 []int
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if !strings.Contains(s, "/") {
			var a netip.Addr
			if a, err = netip.ParseAddr(s); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil || p.Addr().Zone() != "" {
			return nil, fmt.Errorf("%q is no network such as 192.0.2.0/24", s)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("%s has bits beyond its length; the network is %s", s, p.Masked())
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s: write IPv4 as IPv4", s)
		}
		set[p] = true
		bits := &bits6
		if p.Addr().Is4() {
			bits = &bits4
		}
		if !slices.Contains(*bits, p.Bits()) {
			*bits = append(*bits, p.Bits())
		}
	}
	return func(a netip.Addr) bool {
		if !a.IsValid() {
			return false
		}
		a = a.Unmap().WithZone("")
		bits := bits6
		if a.Is4() {
			bits = bits4
		}
		for _, n := range bits {
			if p, err := a.Prefix(n); err == nil && set[p] {
				return true
			}
		}
		return false
	}, nil
}

// trip is one announced trip. Times are event time, until is exclusive.
type trip struct {
	country, city string
	from, until   event.Millis
}

func trips(texts []tripText) (func(string, *policy.Facts) bool, error) {
	byUser := map[string][]trip{}
	for _, t := range texts {
		if t.User == "" || t.Country == "" || t.From == "" || t.Until == "" {
			return nil, fmt.Errorf("a trip needs user, country, from and until")
		}
		from, err := time.Parse(time.DateOnly, t.From)
		if err != nil {
			return nil, fmt.Errorf("trip of %s: from: want a date such as 2026-09-30", t.User)
		}
		until, err := time.Parse(time.DateOnly, t.Until)
		if err != nil || until.Before(from) {
			return nil, fmt.Errorf("trip of %s: until: want a date such as 2026-09-30, not before from", t.User)
		}
		byUser[t.User] = append(byUser[t.User], trip{
			country: t.Country, city: t.City, from: event.Millis(from.UnixMilli()), until: event.Millis(until.AddDate(0, 0, 1).UnixMilli()),
		})
	}
	return func(user string, f *policy.Facts) bool {
		place, now := &f.Event.Network.Place, f.Event.Time
		for _, t := range byUser[user] {
			if t.country == place.Country && (t.city == "" || t.city == place.City) && now >= t.from && now < t.until {
				return true
			}
		}
		return false
	}, nil
}
