package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

const (
	// idsInTurn is how many transactional ids a partition has: with three an append is several times quicker than with one (adr/030).
	idsInTurn = 3
	// pagePatience is how long a page waits to be taken along by a batch before it gets a transaction of its own.
	pagePatience = 20 * time.Millisecond
	// pagesTogether and pageBytesTogether bound the pages that one transaction takes along.
	pagesTogether     = 16
	pageBytesTogether = 4 << 20
	// maxTogether is how many records a transaction has at most, signals, notices and dead letters included.
	maxTogether = 100_000
)

// errUnclaimed tells that the transactional id has to be claimed (again): the last transaction's outcome is not known.
var errUnclaimed = errors.New("the partition is not claimed")

// partitionLog is a partition for its owner. Whatever it writes is a transaction under one of the partition's transactional ids.
type partitionLog struct {
	b *Broker
	n int32

	turn    chan struct{} // held while a transaction is open
	ids     []*claimed    // guarded by turn; nil until claimed
	next    int           // whose turn it is; guarded by turn
	offsets time.Time     // when the group's offsets were written last; guarded by turn

	mu      sync.Mutex
	waiting []*pageWrite
	scanned map[string]broker.Page // pages read by ReadPage, for the Pages that follows
}

// pageWrite is a page that waits for a transaction.
type pageWrite struct {
	name string
	data []byte
	rev  uint64
	err  error
	done chan struct{}
}

// Log is a partition for its owner.
func (b *Broker) Log(partition int) broker.Log {
	return &partitionLog{b: b, n: int32(partition), turn: make(chan struct{}, 1)}
}

// txnIDs are the partition's transactional ids. A transaction under one of them need not wait until the marks of the one before, which
// was under another, are written: the brokers keep a producer waiting for its own.
func (l *partitionLog) txnIDs() []string {
	first := l.b.cfg.Prefix + "partition." + strconv.Itoa(int(l.n))
	out := []string{first}
	for i := 1; i < l.b.ids; i++ {
		out = append(out, first+"."+strconv.Itoa(i))
	}
	return out
}

func (l *partitionLog) lock(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *partitionLog) unlock() { <-l.turn }

// Claim gets new epochs for the partition's transactional ids: from then on nothing of an older owner is taken, and a
// transaction that it left open is aborted, or completed if it was on its way.
func (l *partitionLog) Claim(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	l.drop()
	ids, err := l.claim(ctx, l)
	if err != nil {
		return err
	}
	for _, c := range ids {
		if !l.b.keep(c.cl) {
			closeAll(ids)
			return errClosed
		}
	}
	l.ids, l.next = ids, 0
	l.mu.Lock()
	l.scanned = nil
	l.mu.Unlock()
	return nil
}

// claim claims every id; watcher is told when a broker goes away, nil: nobody is.
func (l *partitionLog) claim(ctx context.Context, watcher *partitionLog) ([]*claimed, error) {
	ids, err := l.b.claim(ctx, watcher, l.txnIDs(), l.places(), l.judge, kgo.ManualFlushing(), kgo.MaxBufferedRecords(maxTogether), kgo.ProducerBatchMaxBytes(maxMessage),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(byTopic{keyed: kgo.StickyKeyPartitioner(nil)}))
	if err != nil {
		return nil, fmt.Errorf("claiming partition %d: %w", l.n, err)
	}
	return ids, nil
}

// drop ends the clients without ending a transaction: whoever claims next does. The turn is held.
func (l *partitionLog) drop() {
	for _, c := range l.ids {
		l.b.forget(c.cl)
	}
	closeAll(l.ids)
	l.ids = nil
}

// Close gives the partition back.
func (l *partitionLog) Close() {
	l.turn <- struct{}{}
	defer l.unlock()
	l.drop()
	l.mu.Lock()
	l.scanned = nil
	l.mu.Unlock()
}

func (l *partitionLog) Last(ctx context.Context) (journal.Stored, bool, error) {
	return l.b.LastRecord(ctx, int(l.n))
}

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

// Emptied is the sequence after which a journal without records was emptied, 0 when nothing was ever removed from it.
func (l *partitionLog) Emptied(ctx context.Context) (uint64, error) {
	_, at, ok, err := l.b.lastRecord(ctx, int(l.n))
	if err != nil || ok {
		return 0, err
	}
	return uint64(at.start), nil
}

func (l *partitionLog) Input(from uint64, messages, bytes int) (broker.Reader, error) {
	return l.b.inputs.open(l.b.topic(eventsTopic), l.n, offsetOf(from), messages, bytes, false)
}

func (l *partitionLog) InputEnd(ctx context.Context) (uint64, error) {
	at, err := l.b.bounds(ctx, l.b.topic(eventsTopic), l.n)
	return uint64(at.end), err
}

func (l *partitionLog) Records(after uint64, messages, bytes int) (broker.Reader, error) {
	r, err := l.b.records.open(l.b.topic(journalTopic), l.n, int64(after), messages, bytes, false)
	if err != nil {
		return nil, err
	}
	return &recordReader{tail: r, after: after}, nil
}

// recordReader is a tail of which nothing may be missing. Sequences have holes, where transactions end: what continues what is
// told by the chain.
type recordReader struct {
	*tail
	after uint64
}

func (r *recordReader) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	start := len(dst)
	dst, err := r.tail.Take(ctx, dst, max, maxBytes)
	if len(dst) > start && dst[start].Missing > 0 {
		return dst[:start], &broker.TrimmedError{Partition: int(r.partition), After: r.after, First: dst[start].Seq}
	}
	return dst, err
}

// TrimInput leaves the events alone: the topic may have other readers, and its retention is its owner's.
func (l *partitionLog) TrimInput(context.Context, uint64) error { return nil }

// TrimRecords removes the records before keep, and leaves what is between them and keep, where transactions ended: whoever has read up
// to the last one that is removed has lost nothing, and must not be told otherwise.
func (l *partitionLog) TrimRecords(ctx context.Context, keep uint64) error {
	before, err := l.b.lastBefore(ctx, int(l.n), offsetOf(keep))
	if err != nil || before == 0 {
		return err
	}
	at := make(kadm.Offsets)
	at.Add(kadm.Offset{Topic: l.b.topic(journalTopic), Partition: l.n, At: int64(before)})
	resp, err := l.b.adm.DeleteRecords(ctx, at)
	if err == nil {
		err = resp.Error()
	}
	if err != nil && !errors.Is(err, kerr.OffsetOutOfRange) {
		return fmt.Errorf("trimming journal of partition %d: %w", l.n, explain(err))
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
