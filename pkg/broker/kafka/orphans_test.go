package kafka_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// owner writes as a partition's owner does, step by step.
type owner struct {
	t  *testing.T
	b  *kafka.Broker
	cl *kgo.Client
	p  string // prefix
}

func newOwner(t *testing.T, addrs []string) *owner {
	t.Helper()
	cfg := kafkatest.Config(addrs, 1)
	cfg.TransactionTimeout = 30 * time.Second // by itself nothing ends here
	o := &owner{t: t, b: kafkatest.Install(t, cfg), p: cfg.Prefix}
	var err error
	o.cl, err = kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.TransactionalID(o.b.TransactionalID(0)), kgo.TransactionTimeout(30*time.Second), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.cl.Close)
	return o
}

// write begins a transaction with records and returns the offset of the first.
func (o *owner) write(recs ...*kgo.Record) int64 {
	o.t.Helper()
	if err := o.cl.BeginTransaction(); err != nil {
		o.t.Fatal(err)
	}
	if err := o.cl.ProduceSync(o.t.Context(), recs...).FirstErr(); err != nil {
		o.t.Fatal(err)
	}
	return recs[0].Offset
}

func (o *owner) end(how kgo.TransactionEndTry) {
	o.t.Helper()
	if err := o.cl.EndTransaction(o.t.Context(), how); err != nil {
		o.t.Fatal(err)
	}
}

func (o *owner) record() *kgo.Record {
	o.t.Helper()
	data, err := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Epoch: 1, Owner: "t"})
	if err != nil {
		o.t.Fatal(err)
	}
	return &kgo.Record{Topic: o.p + "journal", Value: data}
}

// signal is one that belongs to the record of a sequence.
func (o *owner) signal(seq uint64) *kgo.Record {
	o.t.Helper()
	rec, err := kafka.SignalRecord(o.b, &riskdv1.Signal{ChallengeId: "ch_1", Revision: 1, TenantId: "acme", UserId: "u", SessionId: "s", State: "required"}, broker.Position{Seq: seq})
	if err != nil {
		o.t.Fatal(err)
	}
	rec.Partition = 0
	return rec
}

func TestOrphansEndAsTheRestOfTheirTransactionDid(t *testing.T) {
	orphansEnd(t, kafkatest.Fake(t), false) // kfake goes on calling them open after a mark
}

// orphansEnd tries each case with the permission to write marks, and without.
func orphansEnd(t *testing.T, addrs []string, marks ...bool) {
	for name, c := range map[string]struct {
		// write leaves a transaction open in the topic that it returns, at an offset.
		write  func(o *owner) (topic string, at int64)
		commit bool
	}{
		"nobody saw any of it": {func(o *owner) (string, int64) { return "journal", o.write(o.record()) }, false},
		"its signal was committed": {func(o *owner) (string, int64) {
			o.write(o.signal(1))
			o.end(kgo.TryCommit)
			return "journal", o.write(o.record())
		}, true},
		"its signal was aborted": {func(o *owner) (string, int64) {
			o.write(o.signal(1))
			o.end(kgo.TryAbort)
			return "journal", o.write(o.record())
		}, false},
		"another one's signal": {func(o *owner) (string, int64) {
			o.write(o.signal(7))
			o.end(kgo.TryCommit)
			return "journal", o.write(o.record())
		}, false},
		"a signal whose record is there": {func(o *owner) (string, int64) {
			o.write(o.record())
			o.end(kgo.TryCommit)
			return "signals", o.write(o.signal(1))
		}, true},
		"a signal whose record is not": {func(o *owner) (string, int64) {
			o.write(o.record())
			o.end(kgo.TryCommit)
			return "signals", o.write(o.signal(9))
		}, false},
		"a signal whose record was ended": {func(o *owner) (string, int64) {
			o.write(o.record())
			o.end(kgo.TryAbort)
			return "signals", o.write(o.signal(1))
		}, false},
	} {
		for _, allowed := range marks {
			t.Run(fmt.Sprintf("%s, marks allowed %v", name, allowed), func(t *testing.T) {
				o := newOwner(t, addrs)
				topic, at := c.write(o)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				id, epoch, err := o.cl.ProducerID(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if offset, open, err := o.b.OpenAt(ctx, id, epoch, topic, 0); err != nil || !open || offset != at {
					t.Fatalf("open at %d, %v, %v; want %d", offset, open, err, at)
				}
				commit, err := o.b.Verdict(ctx, 0, id, map[string]int64{topic: at})
				if err != nil || commit != c.commit {
					t.Fatalf("commit: %v, %v; want %v", commit, err, c.commit)
				}
				if err := o.b.EndOpen(ctx, o.cl, o.b.TransactionalID(0), topic, 0, commit, allowed); err != nil {
					t.Fatal(err)
				}
				if topic == "journal" { // readers see it, or never will
					for {
						_, open, err := o.b.OpenAt(ctx, id, epoch+1, topic, 0)
						if err != nil {
							t.Fatal(err)
						}
						if !open {
							break
						}
					}
					if _, there, err := o.b.LastRecord(ctx, 0); err != nil || there != commit {
						t.Errorf("the record is there: %v, %v; want %v", there, err, commit)
					}
				}
			})
		}
	}
}

// These are the partitions, of eight, that an Apache Kafka 4.4 wrote to. Half of all hashes are negative.
func TestTheCoordinatorsLogIsLookedForWhereKafkaPutsIt(t *testing.T) {
	for txn, want := range map[string]int32{
		"t15205-1.partition.0": 7, "t15205-1.partition.1": 6, "t15205-1.partition.2": 5,
		"polygenelubricants": 0, // its hash is the smallest there is
	} {
		if got := kafka.CoordinatorPartition(txn, 8); got != want {
			t.Errorf("%s: partition %d, want %d", txn, got, want)
		}
	}
}
