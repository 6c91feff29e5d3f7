package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker"
)

// A broker may forget to end a transaction on a partition. Apache Kafka (4.4 and before) takes a partition that has no leader at the
// moment for one that was deleted, leaves the mark of the transaction's end out there, and calls the transaction complete. All
// readers then wait at that place until somebody writes there under the same producer id and ends that. So whoever claims a
// partition looks for such orphans and ends them the way the rest of their transaction ended.

const (
	// orphanRounds is how often one claim ends orphans before it gives up.
	orphanRounds = 4
	// siblingWindow is how long before a record the rest of its transaction may have been written, by the same clock.
	siblingWindow = 10 * time.Second
)

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// orphans are the places where a transaction of a producer is open, with the first offset of it. The producer has just been given
// this epoch, or ended all it began: so nobody else will end these. An open one of a later epoch is somebody else's who has claimed since.
func (b *Broker) orphans(ctx context.Context, producer int64, epoch int16, places []place) (map[place]int64, error) {
	var set kadm.TopicsSet
	for _, p := range places {
		set.Add(p.topic, p.partition)
	}
	described, err := b.adm.DescribeProducers(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("looking for open transactions: %w", explain(err))
	}
	out := make(map[place]int64)
	for _, p := range places {
		d := described[p.topic].Partitions[p.partition]
		if d.Err != nil {
			return nil, fmt.Errorf("looking for open transactions on %s/%d: %w", p.topic, p.partition, explain(d.Err))
		}
		if a, ok := d.ActiveProducers[producer]; ok && a.CurrentTxnStartOffset >= 0 {
			if a.ProducerEpoch > epoch {
				return nil, kerr.ProducerFenced
			}
			out[p] = a.CurrentTxnStartOffset
		}
	}
	return out, nil
}

// judge says how the open transactions found are to end: which of them now, and whether committed.
type judge func(ctx context.Context, producer int64, found map[place]int64) (now []place, commit bool, err error)

// claim makes a client with a new epoch of a transactional id: nothing of an older one is taken from now on, what it left open is aborted,
// or completed if it was on its way, and orphans are ended as judge says.
func (b *Broker) claim(ctx context.Context, txn string, places []place, judge judge, w *watch, opts ...kgo.Opt) (*kgo.Client, error) {
	opts = append(append(b.cfg.plainOptions("riskd "+txn), opts...), kgo.TransactionalID(txn), kgo.TransactionTimeout(b.cfg.TransactionTimeout),
		kgo.Dialer(w.dial(b.cfg)), kgo.ConnIdleTimeout(connIdle), kgo.WithHooks(w))
	for range orphanRounds {
		cl, err := kgo.NewClient(opts...)
		if err != nil {
			return nil, err
		}
		id, epoch, err := cl.ProducerID(ctx)
		var found map[place]int64
		if err == nil {
			found, err = b.orphans(ctx, id, epoch, places)
		}
		if err == nil && len(found) == 0 {
			return cl, nil
		}
		var now []place
		var commit bool
		if err == nil {
			now, commit, err = judge(ctx, id, found)
		}
		if err == nil {
			for _, p := range now {
				b.log.Warn("ending a transaction that the brokers left open", "topic", p.topic, "partition", p.partition, "offset", found[p], "commit", commit)
			}
			err = b.end(ctx, cl, txn, now, commit)
		}
		cl.Close()
		if err != nil {
			return nil, explain(err)
		}
	}
	return nil, errors.New("transactions that the brokers left open do not end")
}

// places are all that this partition's transactions write to.
func (l *partitionLog) places() []place {
	out := []place{{l.b.topic(journalTopic), l.n}, {l.b.topic(pagesTopic), l.n}, {l.b.topic(signalsTopic), 0}}
	for p := range l.b.partitionCount() {
		out = append(out, place{l.b.topic(deadTopic), int32(p)})
	}
	return out
}

// judge ends pages first. A page holds what the journal held before it was written: it counts, whatever else became of its transaction.
func (l *partitionLog) judge(ctx context.Context, producer int64, found map[place]int64) (now []place, commit bool, err error) {
	pages := place{l.b.topic(pagesTopic), l.n}
	if _, ok := found[pages]; ok {
		return []place{pages}, true, nil
	}
	commit, err = l.verdict(ctx, producer, found)
	return slices.Collect(maps.Keys(found)), commit, err
}

// verdict is how the transaction ended: by the coordinator's own log, else where its end was written. Where that is nowhere, nobody has
// seen anything of it: it never was, and its events are judged again.
func (l *partitionLog) verdict(ctx context.Context, id int64, found map[place]int64) (commit bool, err error) {
	book := place{l.b.topic(journalTopic), l.n}
	at, open := found[book]
	if !open { // the record tells about its signals
		last, _, err := l.Last(ctx)
		if err != nil {
			return false, err
		}
		for p, from := range found {
			pos, ok, err := l.b.positionAt(ctx, p, from)
			if err != nil || !ok {
				return false, err
			}
			commit = pos.Partition == int(l.n) && last.Seq >= pos.Seq
		}
		return commit, nil
	}
	before, err := l.b.lastBefore(ctx, int(l.n), at)
	if err != nil {
		return false, err
	}
	var written time.Time
	if err := l.b.readAll(ctx, book.topic, book.partition, at, at+1, func(r *kgo.Record) { written = r.Timestamp }); err != nil {
		return false, err
	}
	if commit, known := l.b.decided(ctx, l.txnID(), book, written); known {
		return commit, nil
	}
	want := broker.Position{Partition: int(l.n), Seq: before + 1}
	for _, p := range l.places() { // the signals tell about the record
		if _, open := found[p]; open || p.topic == book.topic {
			continue
		}
		listed, err := l.b.adm.ListOffsetsAfterMilli(ctx, written.Add(-siblingWindow).UnixMilli(), p.topic)
		if err != nil {
			return false, err
		}
		from, _ := listed.Lookup(p.topic, p.partition)
		bounds, err := l.b.bounds(ctx, p.topic, p.partition)
		if err != nil {
			return false, err
		}
		part, ended := false, false
		if err := l.b.readAll(ctx, p.topic, p.partition, from.Offset, bounds.end, func(r *kgo.Record) {
			switch {
			case r.ProducerID != id:
			case !r.Attrs.IsControl():
				if pos, ok := positionOf(r); ok && pos == want {
					part, ended = true, false
				}
			case part && !ended:
				ended, commit = true, isCommit(r)
			}
		}); err != nil {
			return false, err
		}
		if ended {
			return commit, nil
		}
	}
	return false, nil
}

// coordinatorLog is the topic of the brokers that holds what became of transactions.
const coordinatorLog = "__transaction_state"

// decided is how the last transaction ended that wrote to a place, by the coordinator's log; known is false where that cannot be read,
// which managed clusters do not allow, or says nothing.
func (b *Broker) decided(ctx context.Context, txn string, at place, since time.Time) (commit, known bool) {
	meta, err := b.adm.Metadata(ctx, coordinatorLog)
	n := len(meta.Topics[coordinatorLog].Partitions)
	if err != nil || n == 0 {
		return false, false
	}
	var hash int32
	for _, c := range []byte(txn) { // String.hashCode: ids are ASCII
		hash = 31*hash + int32(c)
	}
	partition := (hash & 0x7fffffff) % int32(n)
	listed, err := b.adm.ListOffsetsAfterMilli(ctx, since.Add(-siblingWindow).UnixMilli(), coordinatorLog)
	from, ok := listed.Lookup(coordinatorLog, partition)
	if err != nil || !ok || from.Err != nil {
		return false, false
	}
	end, err := b.bounds(ctx, coordinatorLog, partition)
	if err != nil {
		return false, false
	}
	err = b.readAll(ctx, coordinatorLog, partition, from.Offset, end.end, func(r *kgo.Record) {
		k, v := kmsg.NewTxnMetadataKey(), kmsg.NewTxnMetadataValue()
		if k.ReadFrom(r.Key) != nil || k.TransactionalID != txn || v.ReadFrom(r.Value) != nil || v.State != kmsg.TransactionStatePrepareCommit && v.State != kmsg.TransactionStatePrepareAbort {
			return
		}
		for _, t := range v.Topics {
			if t.Topic == at.topic && slices.Contains(t.Partitions, at.partition) {
				commit, known = v.State == kmsg.TransactionStatePrepareCommit, true
			}
		}
	})
	return commit, known && err == nil
}

// lastBefore is the sequence of the newest committed record before an offset, 0 when there is none.
func (b *Broker) lastBefore(ctx context.Context, partition int, end int64) (seq uint64, err error) {
	topic := b.topic(journalTopic)
	at, err := b.bounds(ctx, topic, int32(partition))
	if err != nil {
		return 0, err
	}
	for window := int64(8); ; window *= 8 {
		from := max(end-window, at.start)
		if err := b.read(ctx, topic, int32(partition), from, end, func(r *kgo.Record) error { seq = seqOf(r.Offset); return nil }); err != nil {
			return 0, err
		}
		if seq > 0 || from <= at.start {
			return seq, nil
		}
	}
}

// end writes the end of a transaction at places, under cl's producer id. cl is of no use afterwards: the brokers may have given
// the id a new epoch.
func (b *Broker) end(ctx context.Context, cl *kgo.Client, txn string, places []place, commit bool) error {
	id, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = txn, id, epoch
	for _, p := range places {
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

// positionOf is which append a record is part of.
func positionOf(r *kgo.Record) (broker.Position, bool) {
	for _, h := range r.Headers {
		if h.Key == headerPosition {
			return broker.ParsePosition(string(h.Value))
		}
	}
	return broker.Position{}, false
}

func (b *Broker) positionAt(ctx context.Context, p place, offset int64) (pos broker.Position, ok bool, err error) {
	err = b.readAll(ctx, p.topic, p.partition, offset, offset+1, func(r *kgo.Record) { pos, ok = positionOf(r) })
	return pos, ok, err
}

// isCommit reads the mark of a transaction's end: version, then 0 for abort and 1 for commit.
func isCommit(r *kgo.Record) bool { return len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == 1 }
