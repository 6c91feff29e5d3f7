package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var verifyChainCommand = &command{
	name: "verify-chain", short: "check the journal's hash chain and that its counts add up",
	long: `
Reads the whole journal from the broker: each record has to name the hash of the one before it, and the
totals have to add up: accepted = scored + duplicate + late + dead-lettered. The first fault is an error that
names partition and sequence.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var n natsFlags
		bindNATS(fs, &n)
		return func(ctx context.Context, std streams, _ []string) error {
			nc, err := connect(n, "riskctl verify-chain")
			if err != nil {
				return err
			}
			defer nc.Close()
			js, err := jetstream.New(nc)
			if err != nil {
				return fmt.Errorf("opening jetstream: %w", err)
			}
			sum, err := verifyChain(ctx, js)
			if err != nil {
				return err
			}
			t := &sum.totals
			_, err = fmt.Fprintf(std.out, "sound: %d records in %d partitions; accepted=%d scored=%d duplicate=%d late=%d dead_letter=%d\n",
				sum.records, sum.partitions, t.Accepted, t.Scored, t.Duplicate, t.Late, t.DeadLettered)
			return err
		}
	},
}

// ledger is what the journal says of itself.
type ledger struct {
	partitions int
	records    uint64
	totals     riskdv1.Counts
}

func (l *ledger) add(c *riskdv1.Counts) {
	l.totals.Accepted += c.GetAccepted()
	l.totals.Scored += c.GetScored()
	l.totals.Duplicate += c.GetDuplicate()
	l.totals.Late += c.GetLate()
	l.totals.DeadLettered += c.GetDeadLettered()
}

// verifyChain reads every record; the reader checks the chain, this the counts.
func verifyChain(ctx context.Context, js jetstream.JetStream) (*ledger, error) {
	partitions, err := natsjs.Partitions(ctx, js)
	if err != nil {
		return nil, err
	}
	sum := &ledger{partitions: partitions}
	reader := natsjs.NewJournalReader(js)
	defer reader.Close()
	for p := range partitions {
		last, ok, err := natsjs.LastRecord(ctx, js, p)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		var counted riskdv1.Counts
		for at := uint64(0); at < last.Seq; {
			records, err := reader.Next(ctx, p, at, 256)
			if err != nil {
				return nil, err
			}
			for i := range records {
				at = records[i].Seq
				count(&counted, records[i].Record)
				if t := records[i].Record.GetTotals(); t != nil && !sameCounts(t, &counted) {
					return nil, fmt.Errorf("partition %d seq %d: the record's totals (%v) are not the sum of its entries (%v)", p, at, t, &counted)
				}
				sum.records++
			}
		}
		sum.add(&counted)
	}
	t := &sum.totals
	if t.Accepted != t.Scored+t.Duplicate+t.Late+t.DeadLettered {
		return nil, fmt.Errorf("the totals do not add up: %v", t)
	}
	return sum, nil
}

func count(c *riskdv1.Counts, r *riskdv1.JournalRecord) {
	for _, e := range r.Entries {
		c.Accepted++
		switch e.Status {
		case riskdv1.JournalEntry_STATUS_SCORED:
			c.Scored++
		case riskdv1.JournalEntry_STATUS_DUPLICATE:
			c.Duplicate++
		case riskdv1.JournalEntry_STATUS_LATE:
			c.Late++
		case riskdv1.JournalEntry_STATUS_DEAD:
			c.DeadLettered++
		}
	}
}

func sameCounts(a, b *riskdv1.Counts) bool {
	return a.Accepted == b.Accepted && a.Scored == b.Scored && a.Duplicate == b.Duplicate && a.Late == b.Late && a.DeadLettered == b.DeadLettered
}
