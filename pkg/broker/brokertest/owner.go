package brokertest

import (
	"context"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// owner appends records the way a scorer does.
type owner struct {
	t    testing.TB
	log  broker.Log
	name string
	last journal.Stored
}

func own(t testing.TB, b Broker, partition int, name string) *owner {
	t.Helper()
	o := &owner{t: t, log: b.Log(partition), name: name}
	t.Cleanup(o.log.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.log.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	last, ok, err := o.log.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: uint32(partition), Epoch: 1, Owner: name}
	if ok {
		rec.Epoch, rec.PrevHash, rec.InputLast, rec.Totals = last.Record.Epoch+1, last.Hash[:], last.Record.InputLast, last.Record.Totals
	}
	o.last = last
	if err := o.put(rec, broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *owner) put(rec *riskdv1.JournalRecord, out broker.Outgoing) error {
	data, err := journal.Encode(rec)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	seq, err := o.log.Append(ctx, o.last.Seq, data, out)
	if err != nil {
		return err
	}
	if seq <= o.last.Seq {
		o.t.Fatalf("got sequence %d after %d", seq, o.last.Seq)
	}
	o.last = journal.Stored{Partition: int(rec.Partition), Seq: seq, Hash: journal.Hash(data), Record: rec}
	return nil
}

// batch appends a record of one dead entry.
func (o *owner) batch(out broker.Outgoing) error {
	prev := o.last
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: prev.Record.Partition, Epoch: prev.Record.Epoch,
		PrevHash: prev.Hash[:], InputLast: prev.Record.InputLast + 1, Owner: o.name,
		Entries: []*riskdv1.JournalEntry{{Status: riskdv1.JournalEntry_STATUS_DEAD, Input: prev.Record.InputLast + 1, Reason: "test"}}}
	t := prev.Record.GetTotals()
	rec.Totals = &riskdv1.Counts{Accepted: t.GetAccepted() + 1, DeadLettered: t.GetDeadLettered() + 1}
	out.InputLast = rec.InputLast
	return o.put(rec, out)
}
