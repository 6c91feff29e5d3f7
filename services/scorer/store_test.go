package scorer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

func TestTheStoreBehavesAsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		want := map[string][]byte{}
		seen := map[string]int64{}
		clash := rapid.Bool().Draw(t, "all hashes equal")
		hash := hashKey
		if clash {
			hash = func([]byte) uint64 { return 42 }
		}
		s.hash = hash
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			key := []byte("acme\x00u" + strconv.Itoa(rapid.IntRange(0, 20).Draw(t, "u")))
			val := bytes.Repeat([]byte{byte(len(want))}, rapid.IntRange(0, 900).Draw(t, "size"))
			at := rapid.Int64Range(0, 1e6).Draw(t, "seen")
			if err := s.put(hash(key), key, val, at); err != nil {
				t.Fatal(err)
			}
			want[string(key)], seen[string(key)] = val, at
		}
		if rapid.Bool().Draw(t, "expire") {
			limit := rapid.Int64Range(0, 1e6).Draw(t, "limit")
			for n := range pageCount {
				s.expire(n, limit)
			}
			for k := range want {
				if seen[k] < limit {
					delete(want, k)
				}
			}
		}
		if s.users != len(want) {
			t.Fatalf("got %d users, want %d", s.users, len(want))
		}
		for u := range 21 {
			key := []byte("acme\x00u" + strconv.Itoa(u))
			got, at, ok := s.get(hash(key), key)
			if w, known := want[string(key)]; ok != known || !bytes.Equal(got, w) || ok && at != seen[string(key)] {
				t.Fatalf("user %d: got %d bytes seen %d (%v), want %d bytes (%v)", u, len(got), at, ok, len(w), known)
			}
		}
	})
}

func TestPagesSurviveStoring(t *testing.T) {
	s := newStore()
	var p profile.Profile
	for i := range 3000 {
		p.Reset()
		p.Advance(1_700_000_000_000)
		key := appendKey(nil, "acme", "user-"+strconv.Itoa(i))
		if err := s.put(hashKey(key), key, p.AppendBinary(nil), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	got := newStore()
	for n := range pageCount {
		sealed := sealPage(s.pages[n].snapshot(nil, 77))
		seq, err := got.openPage(n, sealed)
		if err != nil || seq != 77 {
			t.Fatalf("page %d: seq %d, %v", n, seq, err)
		}
		for _, cut := range []int{0, 1, 5, len(sealed) / 2, len(sealed) - 1} {
			if _, err := newStore().openPage(n, sealed[:cut]); !errors.Is(err, errPage) {
				t.Fatalf("cut at %d: got %v, want errPage", cut, err)
			}
		}
		if _, err := newStore().openPage((n+1)%pageCount, sealed); s.pages[n].users > 0 && !errors.Is(err, errPage) {
			t.Fatalf("under another number: got %v, want errPage", err)
		}
	}
	if got.users != s.users {
		t.Fatalf("got %d users, want %d", got.users, s.users)
	}
	if a, b := stateOf(got), stateOf(s); a != b {
		t.Fatal("the state differs after storing")
	}
}

// stateOf is a printable sum of all profiles, independent of where they lie.
func stateOf(s *store) string {
	sum := uint64(0)
	for n := range s.pages {
		walk(s.pages[n].buf, func(e entry) {
			sum += hashKey(append(append(bytes.Clone(e.key), 0xff), e.profile...)) // order-free
		})
	}
	return fmt.Sprintf("%d users %x", s.users, sum)
}

func FuzzOpenPage(f *testing.F) {
	s := newStore()
	key := appendKey(nil, "a", "u")
	_ = s.put(hashKey(key), key, new(profile.Profile).AppendBinary(nil), 5)
	n := pageOf(hashKey(key))
	f.Add(n, s.pages[n].snapshot(nil, 9))
	f.Fuzz(func(t *testing.T, n int, raw []byte) {
		if n < 0 || n >= pageCount {
			return
		}
		if _, err := newStore().openPage(n, sealPage(raw)); err != nil && !errors.Is(err, errPage) {
			t.Fatal(err)
		}
		if _, err := newStore().openPage(n, raw); err == nil {
			t.Fatal("bytes without form and checksum were taken for a page")
		}
	})
}

func BenchmarkStorePut(b *testing.B) {
	s := newStore()
	keys := make([][]byte, 30000)
	for i := range keys {
		keys[i] = appendKey(nil, "acme", "user-"+strconv.Itoa(i))
	}
	val := make([]byte, 450)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := keys[i%len(keys)]
		if err := s.put(hashKey(k), k, val[:400+i%50], 1); err != nil {
			b.Fatal(err)
		}
	}
}
