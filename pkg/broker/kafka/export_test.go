package kafka

import (
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// SignalRecord is how a signal is stored.
var SignalRecord = (*Broker).signalRecord

// SetIDs is how many transactional ids a partition has, before anything is claimed.
func (b *Broker) SetIDs(n int) { b.ids = n }

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
		found = append(found, orphan{at, &claimed{txn: l.txnIDs()[0]}, producer, 0, 0, offset})
	}
	return l.verdict(ctx, found)
}

// EndOpen ends what is open on a partition, with a mark or, without the permission for that, with a transaction.
func (b *Broker) EndOpen(ctx context.Context, cl *kgo.Client, txn, topic string, partition int32, commit, allowed bool) error {
	producer, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	open := []orphan{{place: place{b.topic(topic), partition}, owner: &claimed{cl: cl, txn: txn}, producer: producer, epoch: epoch}}
	if allowed {
		return b.mark(ctx, open, commit)
	}
	return b.end(ctx, open, commit)
}

// CoordinatorPartition is where the coordinator logs what becomes of an id's transactions.
var CoordinatorPartition = coordinatorPartition

// Decided is how the coordinator's log says that the last transaction under each id of a partition ended that wrote to its journal.
func (b *Broker) Decided(ctx context.Context, partition int, since time.Time) (commits, known int, err error) {
	l := &partitionLog{b: b, n: int32(partition)}
	for _, txn := range l.txnIDs() {
		commit, ok, err := b.decided(ctx, txn, place{b.topic(journalTopic), l.n}, since)
		if err != nil {
			return commits, known, err
		}
		if ok {
			known++
		}
		if commit {
			commits++
		}
	}
	return commits, known, nil
}

// SilentFor is how long a silent broker is left alone.
const SilentFor = silentFor

// OptionsOf are what every client of a broker has.
func OptionsOf(b *Broker) []kgo.Opt { return b.options("test") }

// SilentBrokers is how many are left alone.
func SilentBrokers(b *Broker) int { return int(b.dialer.silent.Load()) }

// Dialer is a dialer's memory.
type Dialer struct{ d *dialer }

// Dial connects as connect does.
func (d Dialer) Dial(connect func(context.Context, string, string) (net.Conn, error)) error {
	d.d.connect = connect
	_, err := d.d.dial(context.Background(), "tcp", "a:1")
	return err
}

func NewDialer() Dialer                                { return Dialer{newDialer(nil)} }
func (d Dialer) Avoid(host string, now time.Time) bool { return d.d.avoid(host, now) }
func (d Dialer) Missed(host string, now time.Time)     { d.d.missed(host, now) }
func (d Dialer) Heard(host string)                     { d.d.heard(host) }
func (d Dialer) Known() int                            { return int(d.d.silent.Load()) }

// AnswerWithin is how long an offset is waited for.
const AnswerWithin = lookUp + requestTimeout

// Bounds asks for the offsets of a partition.
func Bounds(ctx context.Context, b *Broker, topic string, partition int32) error {
	_, err := b.bounds(ctx, topic, partition)
	return err
}
