package profile

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// A counter holds at least what came in eleven twelfths of its window, and nothing from before the window.
func TestACounterHoldsItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.Uint32Range(60, 30*86400).Draw(t, "window")
		slot := int64(max(1, window/counterSlots))
		var p Profile
		type moment struct {
			at int64
			n  uint64
		}
		var all []moment
		now := int64(1_790_000_000)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now += rapid.Int64Range(0, int64(window)/3).Draw(t, "later")
			m := moment{now, rapid.Uint64Range(0, 1000).Draw(t, "n")}
			p.Advance(event.Millis(now * 1000))
			all = append(all, m)
			got := p.Count(7, window, event.Millis(now*1000), m.n)
			least, most := uint64(0), uint64(0)
			for _, x := range all {
				if x.at > now-slot*(counterSlots-1) {
					least += x.n
				}
				if x.at > now-slot*counterSlots {
					most += x.n
				}
			}
			if got < least || got > most {
				t.Fatalf("window %d s at %d holds %d, want %d to %d", window, now, got, least, most)
			}
			var q Profile
			data := p.AppendBinary(nil)
			if err := Decode(data, &q); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(q.AppendBinary(nil), data) {
				t.Fatal("what was decoded is encoded otherwise")
			}
		}
	})
}

func TestCountersAreBounded(t *testing.T) {
	var p Profile
	for key := range uint32(100) {
		at := event.Millis(1_790_000_000_000) + event.Millis(key)*1000
		p.Advance(at)
		p.Count(key, 3600, at, 1)
	}
	if len(p.Counters) != MaxCounters {
		t.Errorf("%d counters, limit %d", len(p.Counters), MaxCounters)
	}
	p.Advance(1_790_000_000_000 + 10*3600*1000)
	if len(p.Counters) != 0 {
		t.Errorf("%d counters are left after ten hours", len(p.Counters))
	}
}
