package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/riskd-io/riskd/pkg/broker"
)

// LossError tells that the journal no longer holds what comes after the last persisted record of a partition: the sink lagged
// longer than the journal is kept. It goes on once somebody has accepted that the records in between are missing in ClickHouse.
type LossError struct {
	Partition int
	// After is the last persisted record, First the oldest that is left.
	After, First uint64
}

func (e *LossError) Error() string {
	return fmt.Sprintf("partition %d is persisted to record %d, but the journal now begins at %d: %d records were trimmed before they got here and can only be had from a backup of the journal; `riskctl accept-loss` lets the sink go on without them",
		e.Partition, e.After, e.First, e.First-e.After-1)
}

// lossOf makes a loss of a journal's answer that records after a position are gone; nil when it is another error.
func lossOf(err error) *LossError {
	var t *broker.TrimmedError
	if !errors.As(err, &t) {
		return nil
	}
	return &LossError{Partition: t.Partition, After: t.After, First: t.First}
}

// accepted tells whether somebody has accepted the loss of what comes after a position.
func (b *books) accepted(ctx context.Context, partition int, after uint64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	var n uint64
	err := b.conn.QueryRow(ctx, `SELECT count() FROM `+b.losses+` WHERE sink = {sink:String} AND partition = {partition:UInt16} AND after = {after:UInt64}`,
		clickhouse.Named("sink", b.sink), clickhouse.Named("partition", fmt.Sprint(partition)), clickhouse.Named("after", fmt.Sprint(after))).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("reading accepted losses: %w", err)
	}
	return n > 0, nil
}

// awaitAcceptance lets a partition stand still at a gap until its loss is accepted; false when ctx ended first.
func (s *Service) awaitAcceptance(ctx context.Context, loss *LossError) bool {
	for {
		ok, err := s.books.accepted(ctx, loss.Partition, loss.After)
		if ok {
			s.mendPartition(loss.Partition)
			s.lose(loss)
			return true
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("cannot ask whether a loss is accepted", "partition", loss.Partition, "error", err)
		}
		s.breakPartition(loss.Partition, loss)
		if !sleep(ctx, s.cfg.LagEvery) {
			return false
		}
	}
}

func (s *Service) lose(loss *LossError) {
	s.m.gone.Add(float64(loss.First - loss.After - 1))
	s.log.Error("records that the journal no longer holds are left out, as was accepted", "partition", loss.Partition, "after", loss.After, "first", loss.First)
}
