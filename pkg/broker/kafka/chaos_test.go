//go:build chaos

package kafka_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// chaosRounds is few, more when CHAOS_FAULTS asks for a long run: a restart of a killed broker takes some 15 s.
func chaosRounds(few int) int {
	n, _ := strconv.Atoi(os.Getenv("CHAOS_FAULTS"))
	return max(few, n/8)
}

// writer owns a partition as a scorer does, appends for as long as it may, and remembers what it was told.
type writer struct {
	log  broker.Log
	n    int
	acks map[uint64][sha256.Size]byte // by sequence
	took []time.Duration              // from a failure until the partition is owned again
}

// run appends until stop is closed.
func (w *writer) run(stop chan struct{}) {
	defer w.log.Close()
	var failed time.Time
	for {
		last, err := w.own()
		if err == nil && !failed.IsZero() {
			w.took = append(w.took, time.Since(failed))
			failed = time.Time{}
		}
		for n := 1; err == nil; n++ {
			select {
			case <-stop:
				return
			default:
			}
			last, err = w.append(last, n)
		}
		if failed.IsZero() {
			failed = time.Now()
		}
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *writer) own() (journal.Stored, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.log.Claim(ctx); err != nil {
		return journal.Stored{}, err
	}
	last, _, err := w.log.Last(ctx)
	return last, err
}

func (w *writer) append(last journal.Stored, n int) (journal.Stored, error) {
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: uint32(w.n), Epoch: 1, Owner: "w"}
	if r := last.Record; r != nil {
		rec.Epoch, rec.PrevHash, rec.InputLast, rec.Totals = r.Epoch+1, last.Hash[:], r.InputLast, r.Totals
	}
	if n > 1 {
		rec.Kind, rec.Epoch, rec.InputLast = riskdv1.JournalRecord_KIND_BATCH, last.Record.Epoch, rec.InputLast+1
		rec.Entries = []*riskdv1.JournalEntry{{Status: riskdv1.JournalEntry_STATUS_DEAD, Input: rec.InputLast, Reason: "test"}}
		rec.Totals = &riskdv1.Counts{Accepted: rec.Totals.GetAccepted() + 1, DeadLettered: rec.Totals.GetDeadLettered() + 1}
	}
	data, err := journal.Encode(rec)
	if err != nil {
		return last, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var page sync.WaitGroup
	if n%4 == 0 {
		page.Go(func() { _, _ = w.log.StorePage(ctx, "p"+strconv.Itoa(n%40), 0, make([]byte, 10_000)) })
	}
	out := broker.Outgoing{InputLast: rec.InputLast}
	if n%2 == 0 {
		out.Signals = []*riskdv1.Signal{{ChallengeId: "ch_" + strconv.Itoa(w.n), Revision: rec.InputLast + 1, TenantId: "acme", UserId: "u", SessionId: strconv.Itoa(w.n), State: "denied"}}
	}
	seq, err := w.log.Append(ctx, last.Seq, data, out)
	page.Wait()
	if err != nil {
		return last, err
	}
	s := journal.Stored{Partition: w.n, Seq: seq, Hash: journal.Hash(data), Record: rec}
	w.acks[seq] = s.Hash
	return s, nil
}

// A broker that is killed in the midst of transactions leaves some of them open for ever: those are ended, the partitions go on, and
// no record that was acknowledged is gone.
func TestChaosTransactionsThatABrokerLeavesOpenAreEnded(t *testing.T) {
	const partitions = 4
	rounds := chaosRounds(2)
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	cfg := kafkatest.Config([]string{server.Addr}, partitions)
	kafkatest.Install(t, cfg)
	writers := make([]*writer, partitions)
	for p := range writers {
		writers[p] = &writer{n: p, acks: make(map[uint64][sha256.Size]byte)}
	}
	var longest time.Duration
	for round := range rounds {
		b := kafkatest.Open(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		if _, err := b.Open(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for p, w := range writers {
			w.log = b.Log(p)
			wg.Go(func() { w.run(stop) })
		}
		time.Sleep(2*time.Second + rand.N(time.Second))
		server.Kill()
		if round%2 == 1 { // the owners die with it: others find what was left
			close(stop)
			b.Close()
		}
		server.Start(t)
		up := time.Now()
		if round%2 == 0 {
			time.Sleep(3 * time.Second)
			close(stop)
		}
		wg.Wait()
		check := kafkatest.Open(t, cfg)
		for p, w := range writers { // whoever owns it next gets to the end of it
			w.log = check.Log(p)
			for {
				_, err := w.own()
				if err == nil {
					break
				}
				if time.Since(up) > 60*time.Second {
					t.Fatalf("round %d, partition %d stands still: %v", round, p, err)
				}
			}
			w.log.Close()
		}
		longest = max(longest, time.Since(up))
		b.Close()
		check.Close()
	}
	b := kafkatest.Open(t, cfg)
	r := b.Reader()
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	acked, lost := 0, 0
	for p, w := range writers {
		last, _, err := b.LastRecord(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		var chain journal.Chain
		there := make(map[uint64][sha256.Size]byte)
		for at := uint64(0); at < last.Seq; {
			recs, err := r.Next(ctx, p, at, 256)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range recs {
				if err := chain.Next(s); err != nil {
					t.Fatal(err)
				}
				there[s.Seq], at = s.Hash, s.Seq
			}
		}
		var gone []uint64
		for seq, hash := range w.acks {
			if acked++; there[seq] != hash {
				gone = append(gone, seq)
			}
		}
		if lost += len(gone); len(gone) > 0 {
			trace(t, cfg, p, gone)
		}
	}
	fmt.Printf("chaos: broker=kafka restarts=%d acknowledged=%d lost=%d back=%v\n", rounds, acked, lost, longest.Round(time.Millisecond))
	if lost > 0 {
		t.Errorf("%d acknowledged records are gone", lost)
	}
}
