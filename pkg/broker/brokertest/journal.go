package brokertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func recordsReadBack(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 2))
	if _, ok, err := b.Log(1).Last(t.Context()); ok || err != nil {
		t.Fatalf("an empty journal has a record: %v, %v", ok, err)
	}
	o := own(t, b, 1, "a")
	const batches = 40
	for range batches {
		if err := o.batch(broker.Outgoing{}); err != nil {
			t.Fatal(err)
		}
	}
	last, ok, err := o.log.Last(t.Context())
	if err != nil || !ok || last.Seq != o.last.Seq || last.Hash != o.last.Hash {
		t.Fatalf("got last %d, %v, %v, want %d", last.Seq, ok, err, o.last.Seq)
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []journal.Stored
	for at := uint64(0); at < last.Seq; at = all[len(all)-1].Seq {
		recs, err := r.Next(ctx, 1, at, 7)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, recs...)
	}
	var chain journal.Chain
	for _, s := range all {
		if err := chain.Next(s); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) != batches+1 || all[len(all)-1].Record.Totals.Accepted != batches {
		t.Fatalf("got %d records", len(all))
	}
}

func olderOwnerIsRefused(t *testing.T, open Open) {
	again := open(t, 1)
	b, _ := opened(t, again)
	b2, _ := opened(t, again)
	old := own(t, b, 0, "old")
	if err := old.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	next := own(t, b2, 0, "new")
	if got := next.last.Record.Epoch; got != 2 {
		t.Fatalf("got epoch %d, want 2", got)
	}
	if err := next.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	sig := &riskdv1.Signal{ChallengeId: "ch_zombie", Revision: 1, TenantId: "acme", UserId: "u", SessionId: "s", State: "denied"}
	if err := old.batch(broker.Outgoing{Signals: []*riskdv1.Signal{sig}}); !errors.Is(err, broker.ErrConflict) {
		t.Fatalf("the old owner's append: got %v, want ErrConflict", err)
	}
	if err := next.batch(broker.Outgoing{}); err != nil {
		t.Fatalf("the owner was disturbed: %v", err)
	}
	last, _, err := next.log.Last(t.Context())
	if err != nil || last.Record.Owner != "new" || last.Record.Totals.Accepted != 3 {
		t.Fatalf("got last record of %s with %d, %v", last.Record.Owner, last.Record.Totals.Accepted, err)
	}
	// It may come back, and goes on from what is there.
	back := own(t, b, 0, "old again")
	if back.last.Record.Epoch != 3 || back.last.Record.InputLast != 3 {
		t.Fatalf("got epoch %d at input %d, want 3 at 3", back.last.Record.Epoch, back.last.Record.InputLast)
	}
	if err := next.batch(broker.Outgoing{}); !errors.Is(err, broker.ErrConflict) {
		t.Fatalf("the second old owner's append: got %v, want ErrConflict", err)
	}
}

func readersGoOn(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	var seqs []uint64
	for range 10 {
		if err := o.batch(broker.Outgoing{}); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, o.last.Seq)
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, i := range []int{5, 0, 8, 3, 0} { // any order
		recs, err := r.Next(ctx, 0, seqs[i], 1)
		if err != nil || recs[0].Seq != seqs[i+1] {
			t.Fatalf("after %d: got %v, %v, want %d", seqs[i], recs, err, seqs[i+1])
		}
	}
	waiting, stop := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer stop()
	if recs, err := r.Next(waiting, 0, o.last.Seq, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("after the end: got %v, %v", recs, err)
	}
	if err := o.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	if recs, err := r.Next(ctx, 0, seqs[9], 1); err != nil || recs[0].Seq != o.last.Seq {
		t.Fatalf("a record that came later: got %v, %v", recs, err)
	}
}

func trimmedIsTold(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	var seqs []uint64
	for range 6 {
		if err := o.batch(broker.Outgoing{}); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, o.last.Seq)
	}
	if err := o.log.TrimRecords(t.Context(), seqs[3]); err != nil {
		t.Fatal(err)
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := r.Next(ctx, 0, 0, 10)
	var trimmed *broker.TrimmedError
	if !errors.As(err, &trimmed) || trimmed.First != seqs[3] {
		t.Fatalf("got %v, want a TrimmedError that names %d", err, seqs[3])
	}
	recs, err := r.Next(ctx, 0, trimmed.First-1, 10)
	if err != nil || recs[0].Seq != seqs[3] {
		t.Fatalf("from the oldest on: got %v, %v", recs, err)
	}
	r2 := broker.NewJournalReader(b)
	defer r2.Close()
	if recs, err = r2.Next(ctx, 0, seqs[2], 10); err != nil || recs[0].Seq != seqs[3] {
		t.Fatalf("who had read all that is gone: got %v, %v", recs, err)
	}
	if last, ok, err := o.log.Last(ctx); err != nil || !ok || last.Seq != seqs[5] {
		t.Fatalf("got last %d, %v, %v", last.Seq, ok, err)
	}
}
