package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

// JournalSource is the ledger as the sink needs it. Different partitions are read at the same time,
// each by one goroutine.
type JournalSource interface {
	// Next returns the records after sequence after, oldest first, at most max, and blocks until there is one.
	Next(ctx context.Context, partition int, after uint64, max int) ([]journal.Stored, error)
	// Last is the newest record of a partition; ok is false when there is none yet.
	Last(ctx context.Context, partition int) (s journal.Stored, ok bool, err error)
}

// piece is what one partition hands over at a time.
type piece struct {
	partition int
	records   []journal.Stored
}

const (
	// backlogsAtOnce is how many partitions that have a backlog may hold a decoded piece of it.
	backlogsAtOnce = 8
	// largePiece is from how many entries on a piece is taken for part of a backlog, and endOfBacklog how long the next one may let itself be
	// waited for.
	largePiece   = 256
	endOfBacklog = 50 * time.Millisecond
)

// readers run one goroutine per partition from the given positions on, and hand over what they read. They hold at most one piece each, and
// only some of them one of a backlog; while nobody takes it, nothing more is read.
type readers struct {
	out  chan piece
	held chan struct{} // one for each piece of a backlog that is read or handed over
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func (s *Service) startReaders(ctx context.Context, at map[int]position) *readers {
	ctx, cancel := context.WithCancel(ctx)
	r := &readers{out: make(chan piece), held: make(chan struct{}, backlogsAtOnce), stop: cancel}
	for p := range s.cfg.Partitions {
		if s.isBroken(p) {
			continue // for good; one that waits for a loss to be accepted goes on waiting
		}
		r.wg.Add(1)
		go func() {
			defer r.wg.Done()
			s.read(ctx, p, at[p], r)
		}()
	}
	return r
}

// close ends all readers and waits for them.
func (r *readers) close() {
	r.stop()
	r.wg.Wait()
}

// read hands over partition p from a position on until ctx ends or the journal does not continue it.
func (s *Service) read(ctx context.Context, p int, at position, r *readers) {
	var prev *journal.Stored
	for backlog := true; ; { // until it turns out that there is none
		if backlog && !r.hold(ctx) {
			return
		}
		records, over, err := s.nextPiece(ctx, p, at.seq, backlog)
		if over {
			r.release()
			backlog = false
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			for i := range records {
				if err = follows(at, prev, &records[i]); err != nil {
					break
				}
				prev = &records[i]
				at = positionOf(prev)
			}
		}
		if err != nil {
			if backlog {
				r.release()
				backlog = false
			}
			if at, err = s.readFailed(ctx, p, at, err); err != nil {
				return
			}
			prev = nil
			continue
		}
		select {
		case r.out <- piece{p, records}:
		case <-ctx.Done():
			return
		}
		if backlog {
			r.release()
		}
		entries := 0
		for i := range records {
			entries += len(records[i].Record.Entries)
		}
		backlog = entries >= largePiece
	}
}

// nextPiece reads what follows a position; over tells that a backlog has ended: nothing follows for now.
func (s *Service) nextPiece(ctx context.Context, p int, after uint64, backlog bool) (records []journal.Stored, over bool, err error) {
	if !backlog {
		records, err = s.journal.Next(ctx, p, after, s.cfg.ReadAhead)
		return records, false, err
	}
	soon, cancel := context.WithTimeout(ctx, endOfBacklog)
	defer cancel()
	records, err = s.journal.Next(soon, p, after, s.cfg.ReadAhead)
	return records, err != nil && soon.Err() != nil && ctx.Err() == nil, err
}

// hold takes the place of a piece of a backlog; false when ctx ended first.
func (r *readers) hold(ctx context.Context) bool {
	select {
	case r.held <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *readers) release() { <-r.held }

// readFailed decides what an error of the journal means: the position to go on from, or an error when
// the partition has to stand still.
func (s *Service) readFailed(ctx context.Context, p int, at position, err error) (position, error) {
	var trimmed *broker.TrimmedError
	switch {
	case errors.As(err, &trimmed) && at.seq == 0:
		// Nothing of this partition is persisted and its beginning is gone: all there is will be taken.
		s.log.Warn("journal begins after its first record", "partition", p, "first", trimmed.First)
		return position{seq: trimmed.First - 1}, nil
	case errors.As(err, &trimmed):
		if !s.awaitAcceptance(ctx, lossOf(err)) {
			return at, ctx.Err()
		}
		return position{seq: trimmed.First - 1}, nil
	case errors.Is(err, journal.ErrChain), errors.Is(err, journal.ErrCorrupt):
		s.breakPartition(p, err)
		return at, err
	}
	s.log.Warn("journal cannot be read, trying again", "partition", p, "error", err)
	if !sleep(ctx, s.cfg.BackoffMin) {
		return at, ctx.Err()
	}
	return at, nil
}

// follows checks that rec comes directly after what is persisted, and after the record read before it.
func follows(at position, prev, rec *journal.Stored) error {
	if prev != nil {
		return journal.Verify(*prev, *rec)
	}
	if at.hash != ([32]byte{}) && !bytes.Equal(rec.Record.GetPrevHash(), at.hash[:]) {
		return fmt.Errorf("%w: partition %d seq %d has prev_hash %x, but what is persisted (seq %d) has %x",
			journal.ErrChain, rec.Partition, rec.Seq, rec.Record.GetPrevHash(), at.seq, at.hash)
	}
	return nil
}

// reread returns the records of one cut again: after < seq <= last, ending in the record with that hash. It returns those that are
// left, or none, when the others are gone and that was accepted.
func (s *Service) reread(ctx context.Context, c cut) ([]journal.Stored, error) {
	var all []journal.Stored
	at := c.after
	for at < c.last {
		// Bounded, because a journal that was replaced may never have that record.
		one, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		records, err := s.journal.Next(one, c.partition, at, s.cfg.ReadAhead)
		cancel()
		if loss := lossOf(err); loss != nil {
			ok, err := s.books.accepted(ctx, c.partition, c.after)
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, fmt.Errorf("a batch that was cut cannot be finished: %w", loss)
			}
			if at = loss.First - 1; at >= c.last {
				s.lose(&LossError{Partition: c.partition, After: c.after, First: c.last + 1})
				return nil, nil // nothing of it is left
			}
			s.lose(loss)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading journal of partition %d after %d again: %w", c.partition, at, err)
		}
		for _, r := range records {
			if r.Seq <= c.last {
				all = append(all, r)
			}
			at = r.Seq
		}
	}
	if n := len(all); n == 0 || all[n-1].Seq != c.last || all[n-1].Hash != c.hash {
		return nil, &ChangedError{Partition: c.partition, Seq: c.last}
	}
	return all, nil
}

// ChangedError says that the journal holds other records than those a batch was cut from: it was
// replaced or tampered with.
type ChangedError struct {
	Partition int
	Seq       uint64
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("journal of partition %d does not hold the record %d that a batch was cut from: the journal was replaced, or this database belongs to another one", e.Partition, e.Seq)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
