package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

// fetchBytes is how much one request brings; a larger message still comes.
const fetchBytes = 8 << 20

// read visits the committed records from offset from on, up to but without to, in order. A record may be kept.
func (b *Broker) read(ctx context.Context, topic string, partition int32, from, to int64, visit func(*kgo.Record) error) error {
	return b.scan(ctx, topic, partition, from, to, kgo.ReadCommitted(), visit)
}

// readAll is read of everything that is there: also what is not decided, was aborted, or marks the end of a transaction.
func (b *Broker) readAll(ctx context.Context, topic string, partition int32, from, to int64, visit func(*kgo.Record)) error {
	return b.scan(ctx, topic, partition, from, to, kgo.ReadUncommitted(), func(r *kgo.Record) error { visit(r); return nil })
}

// scan asks for the next part while one is visited.
func (b *Broker) scan(ctx context.Context, topic string, partition int32, from, to int64, level kgo.IsolationLevel, visit func(*kgo.Record) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := level == kgo.ReadUncommitted()
	src := source{topic: topic, partition: partition, leader: -1}
	type answer struct {
		part *kmsg.FetchResponseTopicPartition
		err  error
	}
	ask := func(from int64) chan answer {
		c := make(chan answer, 1)
		go func() {
			part, err := b.fetchOnce(ctx, &src, from, all)
			c <- answer{part, err}
		}()
		return c
	}
	if from >= to {
		return nil
	}
	for asked := ask(from); ; {
		got := <-asked
		if got.err != nil {
			if src.leader = -1; IsTransient(got.err) && sleep(ctx, openRetry) {
				asked = ask(from)
				continue
			}
			return fmt.Errorf("reading %s/%d at %d: %w", topic, partition, from, explain(got.err))
		}
		fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, IsolationLevel: level, KeepControlRecords: all,
			Topic: topic, Partition: partition}, got.part, kgo.DefaultDecompressor(), func(kgo.FetchBatchMetrics) {})
		if fp.Err != nil {
			return fmt.Errorf("reading %s/%d at %d: %w", topic, partition, from, explain(fp.Err))
		}
		more := next > from && next < to // else compaction took the rest
		if more {
			asked = ask(next)
		}
		for _, r := range fp.Records {
			if r.Offset >= to {
				return nil
			}
			if err := visit(r); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		from = next
	}
}

// source is where a partition is fetched from.
type source struct {
	topic     string
	partition int32
	id        [16]byte
	leader    int32 // -1: not known
}

// fetchOnce asks the partition's leader for what is at an offset.
func (b *Broker) fetchOnce(ctx context.Context, src *source, from int64, all bool) (*kmsg.FetchResponseTopicPartition, error) {
	if src.leader < 0 {
		meta, err := b.adm.Metadata(ctx, src.topic)
		if err != nil {
			return nil, err
		}
		t := meta.Topics[src.topic]
		if t.Err != nil {
			return nil, t.Err
		}
		src.id, src.leader = t.ID, t.Partitions[src.partition].Leader
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 0, 0, fetchBytes, 1
	if all {
		req.IsolationLevel = 0
	}
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = src.topic, src.id
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = src.partition, from, fetchBytes, -1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	kresp, err := b.cl.Broker(int(src.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := kresp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 {
		return nil, errors.New("the answer holds no partition")
	}
	p := &resp.Topics[0].Partitions[0]
	return p, kerr.ErrorForCode(p.ErrorCode)
}

// lastRecord reads the newest committed record of a partition's journal; at says where it lies. ok is false when there is none.
func (b *Broker) lastRecord(ctx context.Context, partition int) (s journal.Stored, at bounds, ok bool, err error) {
	topic := b.topic(journalTopic)
	if at, err = b.settled(ctx, topic, int32(partition)); err != nil {
		return s, at, false, err
	}
	// A record and the mark of its transaction, then perhaps transactions that were given up.
	for window := int64(4); ; window *= 8 {
		from := max(at.end-window, at.start)
		var last *kgo.Record
		if err := b.read(ctx, topic, int32(partition), from, at.end, func(r *kgo.Record) error { last = r; return nil }); err != nil {
			return s, at, false, err
		}
		if last != nil {
			s, err = journal.Decode(partition, seqOf(last.Offset), last.Value)
			if err != nil {
				return s, at, false, fmt.Errorf("reading last journal record of partition %d seq %d: %w", partition, seqOf(last.Offset), err)
			}
			return s, at, true, nil
		}
		if from == at.start {
			return s, at, false, nil
		}
	}
}

// LastRecord reads the newest committed record of a partition; ok is false when there is none yet.
func (b *Broker) LastRecord(ctx context.Context, partition int) (journal.Stored, bool, error) {
	s, _, ok, err := b.lastRecord(ctx, partition)
	return s, ok, err
}

// seqOf and offsetOf: sequences begin at 1, offsets at 0.
func seqOf(offset int64) uint64 { return uint64(offset) + 1 }
func offsetOf(seq uint64) int64 { return int64(seq) - 1 }

// Reader reads the ledger in order, any number of partitions.
func (b *Broker) Reader() *broker.JournalReader { return broker.NewJournalReader(b) }
