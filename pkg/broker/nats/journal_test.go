package natsjs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestJournalAppendsAreGuardedAndReadBack(t *testing.T) {
	b := natstest.Start(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, ok, err := natsjs.LastRecord(ctx, b.JS, 1); ok || err != nil {
		t.Fatalf("an empty journal: got ok=%v, %v", ok, err)
	}
	r := natsjs.NewJournalReader(b.JS)
	defer r.Close()
	var prev []byte
	var last uint64
	appendOne := func() {
		t.Helper()
		data, err := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: 1, Epoch: last + 1, PrevHash: prev})
		if err != nil {
			t.Fatal(err)
		}
		seq, err := natsjs.AppendRecord(ctx, b.JS, 1, last, data)
		if err != nil || seq != last+1 {
			t.Fatalf("got seq %d, %v", seq, err)
		}
		if _, err := natsjs.AppendRecord(ctx, b.JS, 1, last, data); !natsjs.IsConflict(err) {
			t.Fatalf("a second append at %d: got %v, want a conflict", last, err)
		}
		h := journal.Hash(data)
		prev, last = h[:], seq
	}
	done := make(chan error, 1)
	go func() { // blocks until something is there
		got, err := r.Next(ctx, 1, 0, 10)
		if err == nil && len(got) == 0 {
			err = errors.New("no record")
		}
		done <- err
	}()
	for range 5 {
		appendOne()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	at := uint64(2) // from the middle, two at a time
	for at < 5 {
		got, err := r.Next(ctx, 1, at, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			if s.Seq != at+1 {
				t.Fatalf("got seq %d after %d", s.Seq, at)
			}
			at = s.Seq
		}
	}
	// Somebody writes past the writers: the reader says so.
	bad, _ := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: 1, Epoch: 6, PrevHash: make([]byte, 32)})
	if _, err := natsjs.AppendRecord(ctx, b.JS, 1, last, bad); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(ctx, 1, at, 10); !errors.Is(err, journal.ErrChain) {
		t.Fatalf("got %v, want ErrChain", err)
	}
	// A trimmed journal is not taken for a whole one.
	s, err := b.JS.Stream(ctx, subject.JournalStream(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	var trimmed *broker.TrimmedError
	if _, err := r.Next(ctx, 1, 1, 10); !errors.As(err, &trimmed) || trimmed.First != 4 {
		t.Fatalf("got %v, want TrimmedError with first 4", err)
	}
}
