package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker"
)

// Append stores the record, its signals, notices and dead letters, pages that wait, and now and then the group's offsets, all or none.
func (l *partitionLog) Append(ctx context.Context, last uint64, stored []byte, out broker.Outgoing) (uint64, error) {
	if err := l.lock(ctx); err != nil {
		return 0, err
	}
	defer l.unlock()
	if last == 0 { // a journal that was emptied is not begun anew by itself
		if after, err := l.Emptied(ctx); err != nil || after > 0 {
			return 0, errors.Join(err, fmt.Errorf("journal of partition %d: %w", l.n, broker.ErrConflict))
		}
	}
	rec := &kgo.Record{Topic: l.b.topic(journalTopic), Partition: l.n, Value: stored}
	recs := []*kgo.Record{rec}
	for _, sig := range out.Signals {
		r, err := l.b.signalRecord(sig, broker.Position{Partition: int(l.n), Seq: last + 1})
		if err != nil {
			return 0, err
		}
		recs = append(recs, r)
	}
	for _, d := range out.Dead {
		r, err := l.b.deadRecord(broker.Position{Partition: int(l.n), Seq: last + 1}, d)
		if err != nil {
			return 0, err
		}
		recs = append(recs, r)
	}
	for i, n := range out.Notices {
		r, err := l.b.noticeRecord(n, broker.NoticeID(broker.Position{Partition: int(l.n), Seq: last + 1}, i))
		if err != nil {
			return 0, err
		}
		recs = append(recs, r)
	}
	if err := l.transact(ctx, recs, out.InputLast); err != nil {
		return 0, fmt.Errorf("appending to journal of partition %d: %w", l.n, err)
	}
	return seqOf(rec.Offset), nil
}

// transact writes records and waiting pages in one transaction. After an error the partition has to be claimed again. The turn is held.
func (l *partitionLog) transact(ctx context.Context, recs []*kgo.Record, inputLast uint64) (err error) {
	if l.ids == nil {
		return errUnclaimed
	}
	taken := l.takePages()
	pageRecs := make([]*kgo.Record, len(taken))
	for i, w := range taken {
		pageRecs[i] = &kgo.Record{Topic: l.b.topic(pagesTopic), Partition: l.n, Key: []byte(w.name), Value: w.data}
		recs = append(recs, pageRecs[i])
	}
	defer func() {
		if err != nil {
			l.drop()
			if isFenced(err) {
				err = fmt.Errorf("%w: %w", broker.ErrConflict, err)
			}
		}
		for i, w := range taken {
			if w.err = err; err == nil {
				w.rev = seqOf(pageRecs[i].Offset)
			}
			close(w.done)
		}
	}()
	c := l.ids[l.next]
	l.next = (l.next + 1) % len(l.ids)
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	if err := produce(ctx, c.cl, recs); err != nil {
		return fmt.Errorf("writing: %w", explain(err))
	}
	if inputLast > 0 && time.Since(l.offsets) >= l.b.cfg.OffsetsEvery {
		if err := l.commitOffset(ctx, c, int64(inputLast)); err != nil {
			return err
		}
	}
	if err := c.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// produce writes records with one request to each broker: each request of a transaction that brings a partition costs the brokers a question to
// the transaction's coordinator, and a line in its log.
func produce(ctx context.Context, cl *kgo.Client, recs []*kgo.Record) (first error) {
	var written sync.WaitGroup
	var mu sync.Mutex
	written.Add(len(recs))
	for _, r := range recs {
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			defer written.Done()
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = cmp.Or(first, err)
			}
		})
	}
	_ = cl.Flush(ctx) // its only error is that of ctx, which each record gets, too
	written.Wait()
	return first
}

// commitOffset puts the group's offset into the transaction, in the name of this member's generation. It is left out while
// the group rebalances, or does not know us, or cannot: the position is in the journal, and the transactional id keeps others out.
func (l *partitionLog) commitOffset(ctx context.Context, c *claimed, offset int64) error {
	member, generation, ok := l.b.membership()
	if !ok {
		return nil
	}
	id, epoch, err := c.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	txn, group := c.txn, l.b.groupID()
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = txn, id, epoch, group
	added, err := add.RequestWith(ctx, c.cl)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("adding offsets: %w", explain(err))
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = txn, group, id, epoch
	req.MemberID, req.Generation = member, generation
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = l.b.topic(eventsTopic), l.b.eventsID()
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch = l.n, offset, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, c.cl)
	if err != nil {
		return fmt.Errorf("committing offsets: %w", explain(err))
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			switch err := kerr.ErrorForCode(p.ErrorCode); {
			case err == nil:
				l.offsets = time.Now()
			case isFenced(err), errors.Is(err, kerr.TransactionAbortable), errors.Is(err, kerr.InvalidTxnState):
				return fmt.Errorf("committing offsets: %w", explain(err))
			case errors.Is(err, kerr.RebalanceInProgress), errors.Is(err, kerr.IllegalGeneration), errors.Is(err, kerr.UnknownMemberID):
			default:
				l.offsets = time.Now()
				l.b.log.Warn("the group's offsets are not kept up to date", "partition", l.n, "error", explain(err))
			}
		}
	}
	return nil
}

// byTopic sends what is a partition's own to its partition, and everything else by its key.
type byTopic struct{ keyed kgo.Partitioner }

func (p byTopic) ForTopic(topic string) kgo.TopicPartitioner {
	return byRecord{p.keyed.ForTopic(topic)}
}

// byRecord takes the partition of records without a key, and of pages.
type byRecord struct{ keyed kgo.TopicPartitioner }

func (p byRecord) RequiresConsistency(*kgo.Record) bool { return true }

func (p byRecord) Partition(r *kgo.Record, n int) int {
	if len(r.Headers) == 0 { // journal and pages
		return int(r.Partition)
	}
	return p.keyed.Partition(r, n)
}
