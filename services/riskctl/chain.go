package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var verifyChainCommand = &command{
	name: "verify-chain", short: "check the journal's hash chain and that its counts add up",
	long: `
Reads the whole journal from the broker: each record has to name the hash of the one before it, and the
totals have to add up: accepted = scored + duplicate + late + dead-lettered. The first fault is an error that
names partition and sequence.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var n brokerFlags
		bindBroker(fs, &n)
		return func(ctx context.Context, std streams, _ []string) error {
			in, err := n.open(ctx, "verify-chain")
			if err != nil {
				return err
			}
			defer in.close()
			sum, err := verifyChain(ctx, in)
			if err != nil {
				return err
			}
			t := &sum.totals
			if sum.trimmed > 0 {
				fmt.Fprintf(std.out, "%d older records have been trimmed away and cannot be checked\n", sum.trimmed)
			}
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
	// trimmed is how many records are no longer there.
	trimmed uint64
	totals  riskdv1.Counts
}

func (l *ledger) add(c *riskdv1.Counts) {
	l.totals.Accepted += c.GetAccepted()
	l.totals.Scored += c.GetScored()
	l.totals.Duplicate += c.GetDuplicate()
	l.totals.Late += c.GetLate()
	l.totals.DeadLettered += c.GetDeadLettered()
}

// verifyChain reads every record of every partition.
func verifyChain(ctx context.Context, in *installation) (*ledger, error) {
	sum := &ledger{partitions: in.partitions}
	reader := broker.NewJournalReader(in)
	defer reader.Close()
	for p := range in.partitions {
		last, ok, err := in.last(ctx, p)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		at, err := firstRecord(ctx, reader, p)
		if err != nil {
			return nil, err
		}
		sum.trimmed += at
		var chain journal.Chain // each record against the one before it, totals included
		for at < last.Seq {
			records, err := reader.Next(ctx, p, at, 256)
			if err != nil {
				return nil, err
			}
			if at == 0 {
				if err := beginning(p, &records[0]); err != nil {
					return nil, err
				}
			}
			for _, r := range records {
				if err := chain.Next(r); err != nil {
					return nil, err
				}
			}
			at = records[len(records)-1].Seq
			sum.records += uint64(len(records))
			if at >= last.Seq {
				sum.add(records[len(records)-1].Record.GetTotals())
			}
		}
	}
	t := &sum.totals
	if t.Accepted != t.Scored+t.Duplicate+t.Late+t.DeadLettered {
		return nil, fmt.Errorf("the totals do not add up: %v", t)
	}
	return sum, nil
}

// firstRecord is the position before the oldest record: 0, or more when the journal was trimmed.
func firstRecord(ctx context.Context, reader *broker.JournalReader, partition int) (uint64, error) {
	_, err := reader.Next(ctx, partition, 0, 1)
	var trimmed *broker.TrimmedError
	if errors.As(err, &trimmed) {
		return trimmed.First - 1, nil
	}
	return 0, err
}

// beginning checks what has no record before it: the totals of the first are those of its entries.
func beginning(partition int, s *journal.Stored) error {
	var sum riskdv1.Counts
	for i, e := range s.Record.Entries {
		if err := journal.Count(&sum, e.Status); err != nil {
			return fmt.Errorf("partition %d seq %d: entry %d: %w", partition, s.Seq, i, err)
		}
	}
	if t := s.Record.GetTotals(); t != nil && (t.Accepted != sum.Accepted || t.Scored != sum.Scored || t.Duplicate != sum.Duplicate || t.Late != sum.Late || t.DeadLettered != sum.DeadLettered) {
		return fmt.Errorf("partition %d seq %d: the first record's totals are not those of its entries", partition, s.Seq)
	}
	return nil
}
