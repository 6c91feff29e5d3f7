package kafka

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

// judge says how open transactions that were found are to end: which of one owner's now, and whether committed.
type judge func(ctx context.Context, found []orphan) (now []orphan, commit bool, err error)

// places are all that this partition's transactions write to.
func (l *partitionLog) places() []place {
	out := []place{{l.b.topic(journalTopic), l.n}, {l.b.topic(pagesTopic), l.n}, {l.b.topic(signalsTopic), 0}}
	for p := range l.b.partitionCount() {
		out = append(out, place{l.b.topic(deadTopic), int32(p)})
	}
	return out
}

// judge ends pages first. A page holds what the journal held before it was written: it counts, whatever else became of its transaction.
// Then come records, oldest first, and at last what caused no record or whose record was ended.
func (l *partitionLog) judge(ctx context.Context, found []orphan) (now []orphan, commit bool, err error) {
	book := l.b.topic(journalTopic)
	first := found[0]
	for _, o := range found {
		if o.topic == l.b.topic(pagesTopic) {
			return []orphan{o}, true, nil
		}
		if o.topic == book && (first.topic != book || o.offset < first.offset) {
			first = o
		}
	}
	for _, o := range found {
		if o.owner == first.owner {
			now = append(now, o)
		}
	}
	commit, err = l.verdict(ctx, now)
	return now, commit, err
}

// verdict is how one owner's transaction ended: by the coordinator's own log, else where its end was written. Where that is nowhere, nobody
// has seen anything of it: it never was, and its events are judged again.
func (l *partitionLog) verdict(ctx context.Context, found []orphan) (commit bool, err error) {
	book := place{l.b.topic(journalTopic), l.n}
	at := slices.IndexFunc(found, func(o orphan) bool { return o.place == book })
	if at < 0 { // the record tells about its signals
		last, _, err := l.Last(ctx)
		if err != nil {
			return false, err
		}
		for _, o := range found {
			pos, ok, err := l.b.positionAt(ctx, o.place, o.offset)
			if err != nil || !ok {
				return false, err
			}
			commit = pos.Partition == int(l.n) && last.Seq >= pos.Seq
		}
		return commit, nil
	}
	id, from := found[at].producer, found[at].offset
	before, err := l.b.lastBefore(ctx, int(l.n), from)
	if err != nil {
		return false, err
	}
	written, followed, err := l.followed(ctx, from)
	if err != nil || followed {
		return followed, err
	}
	if commit, known, err := l.b.decided(ctx, found[at].owner.txn, book, written); known || err != nil {
		return commit, err
	}
	want := broker.Position{Partition: int(l.n), Seq: before + 1}
	for _, p := range l.places() { // the signals tell about the record
		if p.topic == book.topic || slices.ContainsFunc(found, func(o orphan) bool { return o.place == p }) {
			continue
		}
		from, err := l.b.since(ctx, p.topic, p.partition, written.Add(-siblingWindow))
		if err != nil {
			return false, err
		}
		bounds, err := l.b.bounds(ctx, p.topic, p.partition)
		if err != nil {
			return false, err
		}
		part, ended := false, false
		if err := l.b.readAll(ctx, p.topic, p.partition, from, bounds.end, func(r *kgo.Record) {
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

// followed is when the record at an offset was written, and whether another one follows it in the chain: then its transaction
// was committed, because nobody appends before he knows that.
func (l *partitionLog) followed(ctx context.Context, from int64) (written time.Time, followed bool, err error) {
	topic := l.b.topic(journalTopic)
	at, err := l.b.bounds(ctx, topic, l.n)
	if err != nil {
		return written, false, err
	}
	var hash [sha256.Size]byte
	err = l.b.readAll(ctx, topic, l.n, from, at.end, func(r *kgo.Record) {
		switch {
		case r.Attrs.IsControl() || followed:
		case r.Offset == from:
			written, hash = r.Timestamp, journal.Hash(r.Value)
		default:
			s, err := journal.Decode(int(l.n), seqOf(r.Offset), r.Value)
			followed = err == nil && bytes.Equal(s.Record.PrevHash, hash[:])
		}
	})
	return written, followed, err
}

// coordinatorLog is the topic of the brokers that holds what became of transactions.
const coordinatorLog = "__transaction_state"

// decided is how the last transaction ended that wrote to a place, by the coordinator's log; known is false where that may not be read,
// as on managed clusters, or says nothing. Where it cannot be read just now, which is so for a moment after a broker came back, nobody may
// guess: an acknowledged transaction would be aborted.
func (b *Broker) decided(ctx context.Context, txn string, at place, since time.Time) (commit, known bool, err error) {
	withheld := func(err error) (bool, bool, error) {
		if errors.Is(err, kerr.TopicAuthorizationFailed) {
			return false, false, nil
		}
		return false, false, fmt.Errorf("reading what became of transactions: %w", explain(err))
	}
	meta, err := b.adm.Metadata(ctx, coordinatorLog)
	if err != nil {
		return withheld(err)
	}
	about := meta.Topics[coordinatorLog]
	if errors.Is(about.Err, kerr.UnknownTopicOrPartition) { // a broker that knows our topics knows this one, or keeps it to itself
		return false, false, nil
	}
	if about.Err != nil {
		return withheld(about.Err)
	}
	n := len(about.Partitions)
	if n == 0 {
		return false, false, nil
	}
	partition := coordinatorPartition(txn, n)
	from, err := b.since(ctx, coordinatorLog, partition, since.Add(-siblingWindow))
	if err != nil {
		return withheld(err)
	}
	end, err := b.bounds(ctx, coordinatorLog, partition)
	if err != nil {
		return withheld(err)
	}
	err = b.readAll(ctx, coordinatorLog, partition, from, end.end, func(r *kgo.Record) {
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
	if err != nil {
		return withheld(err)
	}
	return commit, known, nil
}

// coordinatorPartition is in which of n partitions the coordinator logs what becomes of a transactional id's transactions.
func coordinatorPartition(txn string, n int) int32 {
	var hash int32
	for _, c := range []byte(txn) { // Java's String.hashCode: ids are ASCII
		hash = 31*hash + int32(c)
	}
	if hash < 0 { // Kafka's Utils.abs
		hash = max(-hash, 0)
	}
	return hash % int32(n)
}

// isCommit reads the mark of a transaction's end: version, then 0 for abort and 1 for commit.
func isCommit(r *kgo.Record) bool { return len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == 1 }
