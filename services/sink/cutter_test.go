package sink

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// pieces hands one record of so many entries to a cutter every interval.
func pieces(t *testing.T, in chan<- piece, entries int, every time.Duration) (taken *int) {
	taken = new(int)
	go func() {
		for seq := uint64(1); ; seq++ {
			rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, WrittenMs: base.UnixMilli()}
			for range entries {
				rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_DUPLICATE})
			}
			select {
			case in <- piece{0, []journal.Stored{{Partition: 0, Seq: seq, Size: 100, Record: rec}}}:
				*taken++
			case <-t.Context().Done():
				return
			}
			if !sleep(t.Context(), every) {
				return
			}
		}
	}()
	return taken
}

func TestABatchIsCutWhenItIsWantedAndGrowsWhileItIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.MaxRows, cfg.MaxWait, cfg.Partitions = 1000, time.Second, 1
		s := &Service{cfg: cfg}
		in := make(chan piece)
		c := s.startCutter(t.Context(), in)
		defer c.close()
		taken := pieces(t, in, 10, 100*time.Millisecond) // 100 entries a second

		began := time.Now()
		first, err := s.next(t.Context(), c, 0)
		if took := time.Since(began); err != nil || took != cfg.MaxWait || first.entries != 110 && first.entries != 100 {
			t.Fatalf("an idle server got %d entries after %s (%v), want those of one second", first.entries, took, err)
		}
		if last := first.cuts[0]; last.after != 0 || last.last != uint64(first.entries/10) {
			t.Errorf("cut at %+v with %d entries", last, first.entries)
		}

		time.Sleep(5 * time.Second) // the server is busy
		began = time.Now()
		second, err := s.next(t.Context(), c, 1)
		if took := time.Since(began); err != nil || took != cfg.MaxWait || second.entries < 550 || second.entries > 610 {
			t.Errorf("a server that was busy for five seconds got %d entries after %s (%v), want those of six after one: it is not kept busy without a pause", second.entries, took, err)
		}
		if second.cuts[0].after != first.cuts[0].last {
			t.Errorf("the second begins after %d, the first ends at %d", second.cuts[0].after, first.cuts[0].last)
		}

		time.Sleep(time.Minute) // it hangs
		synctest.Wait()
		before := *taken
		time.Sleep(time.Minute)
		if synctest.Wait(); *taken != before {
			t.Errorf("%d records were read though a full batch waits", *taken-before)
		}
		began = time.Now()
		third, err := s.next(t.Context(), c, 2)
		if err != nil || third.entries != cfg.MaxRows || time.Since(began) != 0 {
			t.Errorf("then it got %d entries (%v), want a full batch of %d", third.entries, err, cfg.MaxRows)
		}
	})
}
