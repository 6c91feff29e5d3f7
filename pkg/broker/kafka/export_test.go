package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// SignalRecord is how a signal is stored.
var SignalRecord = (*Broker).signalRecord

// TransactionalID is that of a partition.
func (b *Broker) TransactionalID(partition int) string {
	return (&partitionLog{b: b, n: int32(partition)}).txnIDs()[0]
}

// OpenAt is where a producer's transaction is open on a partition.
func (b *Broker) OpenAt(ctx context.Context, producer int64, epoch int16, topic string, partition int32) (offset int64, open bool, err error) {
	var set kadm.TopicsSet
	set.Add(b.topic(topic), partition)
	described, err := b.adm.DescribeProducers(ctx, set)
	if err != nil {
		return 0, false, err
	}
	a, ok := described[b.topic(topic)].Partitions[partition].ActiveProducers[producer]
	return a.CurrentTxnStartOffset, ok && a.CurrentTxnStartOffset >= 0 && a.ProducerEpoch <= epoch, nil
}

// Verdict is how the open transactions of a partition's producer ended, by offsets of topics.
func (b *Broker) Verdict(ctx context.Context, partition int, producer int64, open map[string]int64) (commit bool, err error) {
	l := &partitionLog{b: b, n: int32(partition), turn: make(chan struct{}, 1)}
	var found []orphan
	for topic, offset := range open {
		at := place{b.topic(topic), l.n}
		if topic == signalsTopic {
			at.partition = 0
		}
		found = append(found, orphan{at, &claimed{txn: l.txnIDs()[0]}, producer, offset})
	}
	return l.verdict(ctx, found)
}

// EndOpen ends what is open on a partition.
func (b *Broker) EndOpen(ctx context.Context, cl *kgo.Client, txn, topic string, partition int32, commit bool) error {
	return b.end(ctx, []orphan{{place: place{b.topic(topic), partition}, owner: &claimed{cl: cl, txn: txn}}}, commit)
}
