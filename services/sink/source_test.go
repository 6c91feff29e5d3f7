package sink

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// endless is a journal of which some partitions have a backlog that does not end, and the others one record when told.
type endless struct {
	backlog func(partition int) bool
	told    map[int]chan struct{}

	mu     sync.Mutex
	read   map[int]int // pieces, by partition
	inputs map[int]uint64
}

func (j *endless) Next(ctx context.Context, partition int, after uint64, _ int) ([]journal.Stored, error) {
	entries := largePiece
	if !j.backlog(partition) {
		entries = 1
		select {
		case <-j.told[partition]:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.read[partition]++
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: uint32(partition), PrevHash: make([]byte, 32)}
	for range entries {
		j.inputs[partition]++
		rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Input: j.inputs[partition], Status: riskdv1.JournalEntry_STATUS_DUPLICATE})
	}
	n := j.inputs[partition]
	rec.InputLast, rec.Totals = n, &riskdv1.Counts{Accepted: n, Duplicate: n}
	return []journal.Stored{{Partition: partition, Seq: after + 1, Record: rec}}, nil
}

func (j *endless) Last(context.Context, int) (s journal.Stored, ok bool, err error) {
	return s, false, nil
}

func (j *endless) pieces() (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range j.read {
		n += k
	}
	return n
}

func TestFewPartitionsHoldPiecesOfABacklogAndNoneWaitsForAnIdleOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions = 4 * backlogsAtOnce
		j := &endless{backlog: func(p int) bool { return p >= partitions/2 }, told: map[int]chan struct{}{}, read: map[int]int{}, inputs: map[int]uint64{}}
		for p := range partitions {
			j.told[p] = make(chan struct{})
		}
		m, err := newMetrics(prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig()
		cfg.Partitions = partitions
		r := (&Service{cfg: cfg, journal: j, m: m, log: slog.New(slog.DiscardHandler), broken: map[int]error{}}).startReaders(t.Context(), map[int]position{})
		defer r.close()
		time.Sleep(time.Second) // idle partitions have given their places back
		synctest.Wait()
		if got := j.pieces(); got != backlogsAtOnce {
			t.Fatalf("%d pieces are held while nobody takes one, want %d", got, backlogsAtOnce)
		}
		got := map[int]int{}
		for range 10 * partitions {
			got[(<-r.out).partition]++
		}
		for p := partitions / 2; p < partitions; p++ {
			if got[p] == 0 {
				t.Errorf("partition %d has a backlog and was never read", p)
			}
		}
		synctest.Wait()
		j.told[3] <- struct{}{}
		deadline := time.After(time.Minute)
		for {
			select {
			case one := <-r.out:
				if one.partition == 3 {
					return
				}
			case <-deadline:
				t.Fatal("what came to an idle partition was not handed over")
			}
		}
	})
}
