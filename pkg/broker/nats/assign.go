package natsjs

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// assign says who is to own each partition. Every member gets as many as any other, give or take one, and
// nothing moves that need not: a partition stays where it is while its owner lives and has no more than
// its share. What has to move goes by rendezvous hash, so that repeated changes do not drift.
// prev may be nil or of another length. The result is nil when there is no member.
func assign(prev []string, members []string, partitions int) []string {
	if len(members) == 0 {
		return nil
	}
	members = slices.Clone(members)
	slices.Sort(members)
	members = slices.Compact(members)
	held := make(map[string][]int, len(members))
	var free []int
	for p := range partitions {
		if p < len(prev) {
			if _, alive := slices.BinarySearch(members, prev[p]); alive {
				held[prev[p]] = append(held[prev[p]], p)
				continue
			}
		}
		free = append(free, p)
	}
	floor, extra := partitions/len(members), partitions%len(members)
	// The extra ones go to those who have most already: fewest moves.
	order := slices.Clone(members)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(held[b]), len(held[a])) })
	quota := make(map[string]int, len(members))
	for i, m := range order {
		quota[m] = floor
		if i < extra {
			quota[m]++
		}
	}
	for _, m := range members {
		mine := held[m]
		slices.SortFunc(mine, func(a, b int) int { return cmp.Compare(weight(m, b), weight(m, a)) })
		if over := len(mine) - quota[m]; over > 0 {
			free = append(free, mine[len(mine)-over:]...)
			held[m] = mine[:len(mine)-over]
		}
	}
	slices.Sort(free)
	out := make([]string, partitions)
	for m, ps := range held {
		for _, p := range ps {
			out[p] = m
		}
	}
	for _, p := range free {
		best := ""
		for _, m := range members {
			if len(held[m]) < quota[m] && (best == "" || weight(m, p) > weight(best, p)) {
				best = m
			}
		}
		out[p] = best
		held[best] = append(held[best], p)
	}
	return out
}

// weight is the rendezvous hash of a member and a partition.
func weight(member string, partition int) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(member)
	_, _ = d.Write([]byte{0, byte(partition), byte(partition >> 8)})
	return d.Sum64()
}
