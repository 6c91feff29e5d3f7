package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// SignalRecord is how a signal is stored.
var SignalRecord = (*Broker).signalRecord

// TransactionalID is that of a partition.
func (b *Broker) TransactionalID(partition int) string {
	return (&partitionLog{b: b, n: int32(partition)}).txnID()
}

// OpenAt is where a producer's transaction is open on a partition.
func (b *Broker) OpenAt(ctx context.Context, producer int64, epoch int16, topic string, partition int32) (offset int64, open bool, err error) {
	at := place{b.topic(topic), partition}
	found, err := b.orphans(ctx, producer, epoch, []place{at})
	offset, open = found[at]
	return offset, open, err
}

// Verdict is how the open transactions of a partition's producer ended, by offsets of topics.
func (b *Broker) Verdict(ctx context.Context, partition int, producer int64, open map[string]int64) (commit bool, err error) {
	l := &partitionLog{b: b, n: int32(partition), turn: make(chan struct{}, 1)}
	found := make(map[place]int64)
	for topic, offset := range open {
		at := place{b.topic(topic), l.n}
		if topic == signalsTopic {
			at.partition = 0
		}
		found[at] = offset
	}
	return l.verdict(ctx, producer, found)
}

// EndOpen ends what is open on a partition.
func (b *Broker) EndOpen(ctx context.Context, cl *kgo.Client, txn, topic string, partition int32, commit bool) error {
	return b.end(ctx, cl, txn, []place{{b.topic(topic), partition}}, commit)
}
