package natsjs

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestPartitionsAreSharedEvenlyAndMoveLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 64).Draw(t, "partitions")
		var members, owners []string
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			before := len(members)
			if before == 0 || rapid.Bool().Draw(t, "join") {
				members = append(members, "w"+strconv.Itoa(step))
			} else {
				members = slices.Delete(members, 0, 1)
			}
			next := assign(owners, members, partitions)
			if len(members) == 0 {
				if next != nil {
					t.Fatalf("got %v without members", next)
				}
				owners = nil
				continue
			}
			load := map[string]int{}
			moved, orphans := 0, 0
			for p, o := range next {
				load[o]++
				if owners == nil {
					continue
				}
				if !slices.Contains(members, owners[p]) {
					orphans++
				} else if owners[p] != o {
					moved++
				}
			}
			floor := partitions / len(members)
			for _, m := range members {
				if load[m] < floor || load[m] > floor+1 {
					t.Fatalf("%s has %d of %d partitions among %d", m, load[m], partitions, len(members))
				}
			}
			limit := 0
			if len(members) > before {
				limit = floor + 1 // what the new one gets
			}
			if owners != nil && moved > limit {
				t.Fatalf("%d partitions moved from living owners, want at most %d (orphans %d)", moved, limit, orphans)
			}
			if again := assign(next, members, partitions); !slices.Equal(again, next) {
				t.Fatalf("a second look moves partitions: %v then %v", next, again)
			}
			owners = next
		}
	})
}
