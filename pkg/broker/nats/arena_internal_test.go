package natsjs

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// bring lets a message of size bytes arrive at a tail; its text says whose it is.
func bring(t *Tail, seq, size int) []byte {
	body := bytes.Repeat(fmt.Appendf(nil, "%s %d ", t.current, seq), size/4+1)[:size]
	reply := fmt.Sprintf("$JS.ACK.S.%s.1.%d.%d.1700000000000000000.7", t.current, seq, seq)
	t.arrive(&msgOp{subject: "ev.a", reply: reply, consumer: t.current, size: size}, body)
	return body
}

// Whatever is done with, and whoever's messages come into its memory: a message that is not done with stays what it was.
func TestOnlyWhatIsDoneWithIsOverwritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type kept struct {
			Message
			want []byte
		}
		d := new(tap)
		tails := []*Tail{tailOf(d, "one"), tailOf(d, "two")}
		held, seqs := make([][]kept, len(tails)), make([]int, len(tails))
		var got []Message
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "tail")
			tail := tails[i]
			if rapid.IntRange(0, 4).Draw(t, "done") == 0 && len(held[i]) > 0 {
				n := rapid.IntRange(1, len(held[i])).Draw(t, "of")
				tail.Done(held[i][n-1].Seq)
				held[i] = held[i][n:]
			} else {
				seqs[i]++
				want := bring(tail, seqs[i], rapid.SampledFrom([]int{0, 1, 700, 20_000, arenaMost - 4, arenaMost, 2 * arenaMost}).Draw(t, "size"))
				got, _ = tail.takeLocked(got[:0], 10, 1<<20)
				held[i] = append(held[i], kept{got[0], want})
			}
			for _, of := range held {
				for _, k := range of {
					if !bytes.Equal(k.Data, k.want) || k.Subject() != "ev.a" {
						t.Fatalf("message %d of %d bytes was overwritten", k.Seq, len(k.want))
					}
				}
			}
		}
	})
}

func TestMemoryThatIsDoneWithIsUsedAgain(t *testing.T) {
	const messages, size, batch = 2000, 1000, 100
	for _, says := range []bool{false, true} {
		tail := tailOf(new(tap), "one")
		var got []Message
		pieces := map[*byte]bool{}
		for seq := 1; seq <= messages; seq++ {
			bring(tail, seq, size)
			pieces[unsafe.SliceData(tail.arena)] = true
			got, _ = tail.takeLocked(got[:0], 1, 1<<20)
			if says && seq%batch == 0 {
				tail.Done(uint64(seq))
			}
		}
		// 4, 8, 16 and 32 KiB once, and of 64 those that a batch lies in; under the race detector a pool forgets every fourth.
		const all = messages * size / arenaMost
		if n := len(pieces); says && n > all*2/3 || !says && n < all {
			t.Errorf("done with is said: %v; %d pieces of memory", says, n)
		}
		if !says && len(tail.full) > 0 {
			t.Errorf("a tail whose messages nobody is done with keeps %d pieces of memory", len(tail.full))
		}
	}
}
