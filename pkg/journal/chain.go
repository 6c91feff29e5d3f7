package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// ErrChain is wrapped by every error of [Chain.Next] and [Verify]: a record does not follow the one before it.
var ErrChain = errors.New("journal chain is broken")

// Verify checks that next follows prev directly: hash, partition, order, epoch, input position
// and totals.
func Verify(prev, next Stored) error {
	c := Chain{last: prev, any: true}
	return c.Next(next)
}

// Chain checks a partition's records in order. The zero value accepts any first record, so a
// trimmed journal can be checked from its oldest record on.
type Chain struct {
	last Stored
	any  bool
}

// Last is the record accepted last; ok is false before the first.
func (c *Chain) Last() (s Stored, ok bool) { return c.last, c.any }

// Next checks s against the record before it and takes it as the last one when it is good.
func (c *Chain) Next(s Stored) error {
	rec := s.Record
	if rec == nil {
		return fmt.Errorf("%w: partition %d seq %d has no record", ErrChain, s.Partition, s.Seq)
	}
	if err := c.check(s); err != nil {
		return fmt.Errorf("%w: partition %d seq %d: %s", ErrChain, s.Partition, s.Seq, err)
	}
	c.last, c.any = s, true
	return nil
}

func (c *Chain) check(s Stored) error {
	rec := s.Record
	if int(rec.Partition) != s.Partition {
		return fmt.Errorf("holds a record of partition %d", rec.Partition)
	}
	if err := checkTotals(rec.Totals); err != nil {
		return err
	}
	if !c.any {
		return checkFirst(s)
	}
	prev := c.last.Record
	if s.Partition != c.last.Partition {
		return fmt.Errorf("follows a record of partition %d", c.last.Partition)
	}
	if s.Seq <= c.last.Seq {
		return fmt.Errorf("comes after seq %d", c.last.Seq)
	}
	if !bytes.Equal(rec.PrevHash, c.last.Hash[:]) {
		return fmt.Errorf("prev_hash %x, but the record before it (seq %d) has %x", rec.PrevHash, c.last.Seq, c.last.Hash)
	}
	switch rec.Kind {
	case riskdv1.JournalRecord_KIND_FENCE:
		if rec.Epoch != prev.Epoch+1 {
			return fmt.Errorf("fence of epoch %d after epoch %d", rec.Epoch, prev.Epoch)
		}
		if rec.InputLast != prev.InputLast || len(rec.Entries) != 0 {
			return errors.New("a fence must not move the input position")
		}
	case riskdv1.JournalRecord_KIND_BATCH:
		if rec.Epoch != prev.Epoch {
			return fmt.Errorf("batch of epoch %d after epoch %d", rec.Epoch, prev.Epoch)
		}
	default:
		return fmt.Errorf("unknown kind %d", rec.Kind)
	}
	return checkEntries(prev, rec)
}

// checkFirst holds for the first record of a partition; the oldest record left by trimming
// cannot be checked further.
func checkFirst(s Stored) error {
	if s.Seq == 1 && len(s.Record.PrevHash) != 0 {
		return errors.New("the first record has a prev_hash")
	}
	if n := len(s.Record.PrevHash); n != 0 && n != sha256.Size {
		return fmt.Errorf("prev_hash has %d bytes", n)
	}
	return nil
}

// checkEntries checks that inputs ascend from the position before to input_last, each once, and
// that the totals grow by exactly what the entries say.
func checkEntries(prev, rec *riskdv1.JournalRecord) error {
	at := prev.InputLast
	var n riskdv1.Counts
	for i, e := range rec.Entries {
		if e.Input <= at {
			return fmt.Errorf("entry %d has input %d after %d", i, e.Input, at)
		}
		at = e.Input
		if err := Count(&n, e.Status); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	if at != rec.InputLast {
		return fmt.Errorf("input_last %d, but its entries end at %d", rec.InputLast, at)
	}
	p, t := totals(prev), totals(rec)
	if t.Accepted != p.Accepted+n.Accepted || t.Scored != p.Scored+n.Scored || t.Duplicate != p.Duplicate+n.Duplicate ||
		t.Late != p.Late+n.Late || t.DeadLettered != p.DeadLettered+n.DeadLettered {
		return errors.New("totals do not grow by its entries")
	}
	return nil
}

// Count adds one entry of this status to c.
func Count(c *riskdv1.Counts, status riskdv1.JournalEntry_Status) error {
	switch status {
	case riskdv1.JournalEntry_STATUS_SCORED:
		c.Scored++
	case riskdv1.JournalEntry_STATUS_DUPLICATE:
		c.Duplicate++
	case riskdv1.JournalEntry_STATUS_LATE:
		c.Late++
	case riskdv1.JournalEntry_STATUS_DEAD:
		c.DeadLettered++
	default:
		return fmt.Errorf("unknown status %d", status)
	}
	c.Accepted++
	return nil
}

func checkTotals(c *riskdv1.Counts) error {
	if c == nil {
		return nil
	}
	if c.Accepted != c.Scored+c.Duplicate+c.Late+c.DeadLettered {
		return fmt.Errorf("totals do not add up: accepted %d, scored %d, duplicate %d, late %d, dead-lettered %d",
			c.Accepted, c.Scored, c.Duplicate, c.Late, c.DeadLettered)
	}
	return nil
}

func totals(r *riskdv1.JournalRecord) *riskdv1.Counts {
	if r.Totals == nil {
		return &riskdv1.Counts{}
	}
	return r.Totals
}
