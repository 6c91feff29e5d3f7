package enrich

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func drawStep(t *rapid.T) *riskdv1.Event {
	ev := step{
		user:    rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "user"),
		ip:      rapid.SampledFrom([]string{"198.51.100.7", "198.51.100.8", "2001:db8::1", "2001:db8:1::1"}).Draw(t, "ip"),
		device:  rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "device"),
		outcome: rapid.SampledFrom([]string{"success", "failure"}).Draw(t, "outcome"),
		sec:     rapid.Int64Range(0, 10000).Draw(t, "sec"),
	}.event()
	if rapid.IntRange(0, 5).Draw(t, "receipt") == 0 {
		ev.Type = "dev.riskd.enforcement.v1"
	}
	return ev
}

// record looks up a batch of events and makes of them what the scorer would store: some are duplicates or late.
func record(t *rapid.T, c *Crowd, evs []*riskdv1.Event, received int64) *riskdv1.JournalRecord {
	rec := new(riskdv1.JournalRecord)
	for _, ev := range evs {
		out := lookedAt(c, ev, received)
		e := &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_SCORED, Event: ev, Enrichment: &riskdv1.Enrichment{ReceivedMs: received, Crowd: out}}
		switch rapid.IntRange(0, 9).Draw(t, "status") {
		case 0:
			e = &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_DUPLICATE}
		case 1:
			e.Status = riskdv1.JournalEntry_STATUS_LATE
		}
		rec.Entries = append(rec.Entries, e)
	}
	return rec
}

func TestACrowdRestoredAndReplayedIsTheOneThatNeverDied(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.IntRange(2, 8).Draw(rt, "keys") // few: what leaves must leave in the replay too
		live := testCrowd(keys)
		var records []*riskdv1.JournalRecord
		var stored []byte
		version, since := uint64(0), 0
		received := int64(noon)
		for range rapid.IntRange(1, 12).Draw(rt, "batches") {
			received += rapid.Int64Range(0, 5_000_000).Draw(rt, "later")
			evs := rapid.SliceOfN(rapid.Custom(drawStep), 0, 8).Draw(rt, "batch")
			if rapid.IntRange(0, 3).Draw(rt, "refused") == 0 { // looked up, but the record was not stored
				record(rt, live, evs, received)
				live.Discard()
			}
			rec := record(rt, live, evs, received)
			live.Take(rec)
			records = append(records, rec)
			if rapid.IntRange(0, 3).Draw(rt, "checkpoint") == 0 {
				stored, version, since = live.AppendTo(nil), live.Version(), len(records)
			}
		}
		next := testCrowd(keys)
		next.Take(record(rt, next, []*riskdv1.Event{drawStep(rt)}, received)) // what was there before is forgotten
		if err := next.Restore(version, stored); err != nil {
			rt.Fatal(err)
		}
		for _, rec := range records[since:] {
			next.Take(proto.CloneOf(rec))
		}
		if a, b := live.AppendTo(nil), next.AppendTo(nil); !bytes.Equal(a, b) {
			rt.Fatalf("the one that died has\n%x\nthe one that lived\n%x", b, a)
		}
		ev := drawStep(rt)
		if a, b := observe(live, ev), observe(next, ev); !proto.Equal(a, b) {
			rt.Fatalf("they count %v and %v", a, b)
		}
		for i := range live.square.shards {
			live.square.shards[i].spots.each(func(_ uint64, g *spot) {
				if !g.listed || g.peer != nil {
					rt.Fatal("a spot is in the square that is not in the list")
				}
			})
		}
	})
}

func TestPartitionsTogetherCountAsOneWould(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		one := testCrowd(1000)
		on := newSquare()
		var parts [3]*Crowd
		for i := range parts {
			parts[i] = newCrowd(on, 1000, new(stats))
		}
		at := int64(noon) // in order: late events may find in one place what another has forgotten
		for range rapid.IntRange(1, 60).Draw(rt, "events") {
			ev := drawStep(rt)
			at += rapid.Int64Range(0, 1_000_000).Draw(rt, "later")
			ev.TimeMs = at
			part := parts[int(ev.User.Id[0])%len(parts)] // a user's partition never changes
			if a, b := observe(one, ev), observe(part, ev); !proto.Equal(a, b) {
				rt.Fatalf("one partition counts %v, three %v", a, b)
			}
		}
	})
}

func FuzzRestoreOfACrowd(f *testing.F) {
	c := testCrowd(100)
	observe(c, step{user: "a", ip: "198.51.100.7", device: "d", outcome: "failure"}.event())
	observe(c, step{user: "b", ip: "198.51.100.7", device: "d", sec: 600}.event())
	f.Add(c.AppendTo(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := testCrowd(100)
		if c.Restore(crowdForm, data) != nil {
			return
		}
		again := testCrowd(100)
		if err := again.Restore(crowdForm, c.AppendTo(nil)); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if !bytes.Equal(c.AppendTo(nil), again.AppendTo(nil)) {
			t.Fatal("stored again, it differs")
		}
		observe(c, step{user: "a", ip: "198.51.100.7", device: "d"}.event())
	})
}

func BenchmarkCrowd(b *testing.B) {
	c := testCrowd(8192)
	evs := make([]*riskdv1.Event, 4096)
	for i := range evs {
		evs[i] = step{user: fmt.Sprint("u", i%3000), ip: fmt.Sprintf("198.51.%d.%d", i%8, i/8%250), device: fmt.Sprint("d", i%2000), sec: int64(i)}.event()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		lookedAt(c, evs[i%len(evs)], noon)
		c.settle()
	}
}
