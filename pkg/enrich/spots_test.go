package enrich

import (
	"bytes"
	"encoding/binary"
	"maps"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// each calls f with every key and its first spot.
func (s *spots) each(f func(key uint64, g *spot)) {
	if t := s.table.Load(); t != nil {
		for i := range t.slots {
			if k := t.slots[i].key.Load(); k != 0 {
				f(k, t.slots[i].first.Load())
			}
		}
	}
}

func TestSpotsAreAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spots
		want := map[uint64]*spot{}
		key := func() uint64 { // many begin alike, some at the end of the table, so that they lie behind each other and around its end
			place := rapid.SampledFrom([]uint64{0, 1, 7, 254, 255}).Draw(t, "place")
			return place<<56 | rapid.Uint64Range(1, 12).Draw(t, "key")
		}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			k := key()
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				g := &spot{key: k}
				s.put(k, g)
				want[k] = g
			case 1:
				s.remove(k)
				delete(want, k)
			default:
				s.askSlot(k)
				s.askSpot(k)
			}
			if got := s.get(k); got != want[k] {
				t.Fatalf("key %x: got %p, want %p", k, got, want[k])
			}
		}
		got := map[uint64]*spot{}
		s.each(func(k uint64, g *spot) { got[k] = g })
		if !maps.Equal(got, want) || s.n != len(want) {
			t.Fatalf("got %v, %d counted, want %v", got, s.n, want)
		}
		for k, g := range want {
			if s.get(k) != g {
				t.Fatalf("key %x is not found", k)
			}
		}
	})
}

// Whoever asks ahead has no lock: for `make race`.
func TestSpotsAreAskedForWhileTheyChange(t *testing.T) {
	var s spots
	var both sync.WaitGroup
	both.Go(func() {
		for i := range uint64(20_000) {
			k := i%500<<54 + 1
			if s.get(k) == nil {
				s.put(k, &spot{key: k})
			} else {
				s.remove(k)
			}
		}
	})
	both.Go(func() {
		for i := range uint64(20_000) {
			k := i%500<<54 + 1
			s.askSlot(k)
			s.askSpot(k)
		}
	})
	both.Wait()
}

// Several events looked up at once are what they are one after the other: the second of an address counts the first.
func TestSeveralEventsAtOnceAreLookedUpInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once, each := newEnricher(t), newEnricher(t)
		var evs []*riskdv1.Event
		var all []Lookup
		for i := range rapid.IntRange(0, 20).Draw(t, "events") {
			ev := drawStep(t)
			if i > 0 && rapid.IntRange(0, 5).Draw(t, "nothing to see") == 0 {
				ev.Network, ev.Device = nil, nil
			}
			evs = append(evs, ev)
			all = append(all, Lookup{Event: ev, Addr: wire.Addr(ev), ReceivedMS: noon, Out: new(riskdv1.Enrichment)})
		}
		once.EnrichIn(3, all)
		for i, ev := range evs {
			one := []Lookup{{Event: ev, Addr: wire.Addr(ev), ReceivedMS: noon, Out: new(riskdv1.Enrichment)}}
			each.EnrichIn(3, one)
			if !proto.Equal(one[0].Out, all[i].Out) {
				t.Fatalf("event %d: %v at once, %v by itself", i, all[i].Out, one[0].Out)
			}
		}
	})
}

func newEnricher(t *rapid.T) *Enricher {
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAStoredSpotWithoutAKeyIsRefused(t *testing.T) {
	c := testCrowd(16)
	observe(c, step{user: "a", ip: "198.51.100.7"}.event())
	stored := c.AppendTo(nil)
	at := bytes.Index(stored, binary.LittleEndian.AppendUint64(nil, c.oldest.key))
	clear(stored[at : at+8])
	if err := testCrowd(16).Restore(crowdForm, stored); err == nil {
		t.Error("a spot whose key says that there is none was taken")
	}
}
