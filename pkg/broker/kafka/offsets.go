package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// settlePoll is how often the end of a partition is asked for while a transaction on it ends.
	settlePoll = 5 * time.Millisecond
	// lookUp is how long a broker may look for an offset that is not on its own disk any more. By default it may for half a minute, and so long is a
	// silent one waited for: the client adds what the request itself gives the broker.
	lookUp = time.Second
)

// What is asked for instead of a moment.
const (
	atFirst = -2 // the first record that is there
	atEnd   = -1 // behind the last one
)

// Whether records of transactions that are not decided count.
const (
	allRecords  int8 = 0
	decidedOnly int8 = 1
)

// bounds are the offsets of a partition: the first that is there, the first after all that is decided (committed or
// aborted), and the end.
type bounds struct{ start, stable, end int64 }

func (b *Broker) bounds(ctx context.Context, topic string, partition int32) (out bounds, err error) {
	for _, q := range []struct {
		at     *int64
		moment int64
		level  int8
	}{{&out.start, atFirst, allRecords}, {&out.stable, atEnd, decidedOnly}, {&out.end, atEnd, allRecords}} {
		if *q.at, err = b.offset(ctx, topic, partition, q.moment, q.level); err != nil {
			return bounds{}, err
		}
	}
	return out, nil
}

// since is the offset of the first record that was written at a moment or later, or the end.
func (b *Broker) since(ctx context.Context, topic string, partition int32, moment time.Time) (int64, error) {
	at, err := b.offset(ctx, topic, partition, moment.UnixMilli(), allRecords)
	if err == nil && at < 0 {
		return b.offset(ctx, topic, partition, atEnd, allRecords)
	}
	return at, err
}

// offset asks the leader of a partition, and nobody else: it is not this partition's affair whether the leaders of the topic's others answer. It is -1
// where nothing is as young as moment, in Unix milliseconds.
func (b *Broker) offset(ctx context.Context, topic string, partition int32, moment int64, level int8) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel, req.TimeoutMillis = level, int32(lookUp.Milliseconds())
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = partition, moment
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, b.cl)
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = errors.New("the answer holds no partition")
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("reading offsets of %s/%d: %w", topic, partition, explain(err))
	}
	return resp.Topics[0].Partitions[0].Offset, nil
}

// settled is bounds once no transaction is open on the partition.
func (b *Broker) settled(ctx context.Context, topic string, partition int32) (bounds, error) {
	for {
		at, err := b.bounds(ctx, topic, partition)
		if err != nil || at.stable == at.end {
			return at, err
		}
		if !sleep(ctx, settlePoll) {
			return at, fmt.Errorf("a transaction on %s/%d does not end (kafka-transactions.sh find-hanging tells whose it is): %w", topic, partition, ctx.Err())
		}
	}
}
