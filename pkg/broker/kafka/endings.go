package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endingTimeout is the time-out of transactions that end an orphan, where that needs one: the brokers abort a transaction whose time is over,
// and the orphan with it.
const endingTimeout = time.Minute

// endOrphans ends what judge says of orphans that were found. next is the time-out of transactions with which to claim again.
func (b *Broker) endOrphans(ctx context.Context, found []orphan, judge judge, timeout time.Duration) (next time.Duration, err error) {
	now, commit, err := judge(ctx, found)
	if err != nil {
		return timeout, err
	}
	for _, o := range now {
		b.log.Warn("ending a transaction that the brokers left open", "topic", o.topic, "partition", o.partition, "offset", o.offset, "producer", o.producer, "commit", commit)
	}
	switch err := b.mark(ctx, now, commit); {
	case !errors.Is(err, kerr.ClusterAuthorizationFailed) && !errors.Is(err, kerr.UnsupportedVersion):
		return b.cfg.TransactionTimeout, err
	case timeout != endingTimeout:
		return endingTimeout, nil // claims again, and comes back here
	}
	return b.cfg.TransactionTimeout, b.end(ctx, now, commit)
}

// mark writes the mark of a transaction's end where it is open, as the coordinator would have. Nothing can come between: the mark is there or
// it is not, and whoever claims meanwhile finds the orphan ended, or ends it alike. It takes the permission to Alter the cluster.
func (b *Broker) mark(ctx context.Context, open []orphan, commit bool) error {
	for _, o := range open {
		m := kadm.TxnMarkers{ProducerID: o.producer, ProducerEpoch: o.epoch, Commit: commit, CoordinatorEpoch: max(o.term, 0)}
		m.Topics.Add(o.topic, o.partition)
		resp, err := b.adm.WriteTxnMarkers(ctx, m)
		if err != nil {
			return fmt.Errorf("ending an open transaction: %w", explain(err))
		}
		resp.EachPartition(func(p kadm.TxnMarkersPartitionResponse) {
			if p.Err != nil && err == nil {
				err = fmt.Errorf("ending an open transaction on %s/%d: %w", p.Topic, p.Partition, explain(p.Err))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// end is mark for those who have no permission for that: a transaction without records that is ended. Whoever claims the id in between, or a
// broker that is killed in between, aborts it. The owner's client is of no use afterwards: the brokers may have given the id a new epoch.
func (b *Broker) end(ctx context.Context, open []orphan, commit bool) error {
	cl, txn := open[0].owner.cl, open[0].owner.txn
	id, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = txn, id, epoch
	for _, p := range open {
		t := kmsg.NewAddPartitionsToTxnRequestTopic()
		t.Topic, t.Partitions = p.topic, []int32{p.partition}
		add.Topics = append(add.Topics, t)
	}
	added, err := add.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("ending an open transaction: %w", explain(err))
	}
	for _, t := range added.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("ending an open transaction on %s/%d: %w", t.Topic, p.Partition, explain(err))
			}
		}
	}
	fin := kmsg.NewPtrEndTxnRequest()
	fin.TransactionalID, fin.ProducerID, fin.ProducerEpoch, fin.Commit = txn, id, epoch, commit
	for {
		resp, err := fin.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) || !sleep(ctx, settlePoll) {
			if err != nil {
				return fmt.Errorf("ending an open transaction: %w", explain(err))
			}
			return nil
		}
	}
}
