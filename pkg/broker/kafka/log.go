package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

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
