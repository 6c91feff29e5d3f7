package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
)

// A broker may forget to end a transaction on a partition. Apache Kafka (4.4 and before) takes a partition that has no leader at the
// moment for one that was deleted, leaves the mark of the transaction's end out there, and calls the transaction complete. All
// readers then wait at that place until somebody writes there under the same producer id and ends that. So whoever claims a
// partition looks for such orphans and ends them the way the rest of their transaction ended.

const (
	// orphanRounds is how often one claim ends orphans of each id before it gives up.
	orphanRounds = 4
	// siblingWindow is how long before a record the rest of its transaction may have been written, by the same clock.
	siblingWindow = 10 * time.Second
)

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// orphan is an open transaction of an id that has just been claimed, or ended all it began: nobody else will end it.
type orphan struct {
	place
	owner    *claimed
	producer int64 // id of the owner's producer
	epoch    int16 // of the owner's claim, later than that of what is open
	term     int32 // of the coordinator that ended something there last
	offset   int64 // the first of it
}

// orphans are the open transactions of ids at places. An open one of a later epoch is somebody else's who has claimed since.
func (b *Broker) orphans(ctx context.Context, ids []*claimed, places []place) ([]orphan, error) {
	var set kadm.TopicsSet
	for _, p := range places {
		set.Add(p.topic, p.partition)
	}
	described, err := b.adm.DescribeProducers(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("looking for open transactions: %w", explain(err))
	}
	var out []orphan
	for _, c := range ids {
		producer, epoch, err := c.cl.ProducerID(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			d := described[p.topic].Partitions[p.partition]
			if d.Err != nil {
				return nil, fmt.Errorf("looking for open transactions on %s/%d: %w", p.topic, p.partition, explain(d.Err))
			}
			if a, ok := d.ActiveProducers[producer]; ok && a.CurrentTxnStartOffset >= 0 {
				if a.ProducerEpoch > epoch {
					return nil, kerr.ProducerFenced
				}
				out = append(out, orphan{p, c, producer, epoch, a.CoordinatorEpoch, a.CurrentTxnStartOffset})
			}
		}
	}
	return out, nil
}

// claim makes clients with new epochs of transactional ids: nothing of an older epoch is taken from now on, what it left open is aborted,
// or completed if it was on its way, and orphans are ended as judge says. watcher is told when brokers go away; nil: nobody is.
func (b *Broker) claim(ctx context.Context, watcher *partitionLog, txns []string, places []place, judge judge, opts ...kgo.Opt) ([]*claimed, error) {
	timeout := b.cfg.TransactionTimeout
	for range orphanRounds * len(txns) {
		ids, err := b.claimAll(ctx, watcher, txns, append(opts[:len(opts):len(opts)], kgo.TransactionTimeout(timeout)))
		var found []orphan
		if err == nil {
			found, err = b.orphans(ctx, ids, places)
		}
		if err == nil && len(found) == 0 && timeout == b.cfg.TransactionTimeout {
			return ids, nil
		}
		if err == nil && len(found) > 0 {
			timeout, err = b.endOrphans(ctx, found, judge, timeout)
		} else {
			timeout = b.cfg.TransactionTimeout
		}
		closeAll(ids)
		if err != nil {
			return nil, explain(err)
		}
	}
	return nil, errors.New("transactions that the brokers left open do not end")
}

// claimAll claims the first id and then the others, at once. An owner begins with the first, too: so whoever still holds one of the others
// after somebody else's claim has lost the first, or will lose that other one, before it can write again.
func (b *Broker) claimAll(ctx context.Context, watcher *partitionLog, txns []string, opts []kgo.Opt) ([]*claimed, error) {
	ids, errs := make([]*claimed, len(txns)), make([]error, len(txns))
	claim := func(i int) {
		c := &claimed{l: watcher, txn: txns[i]}
		all := append(append(b.options("riskd "+c.txn), opts...), kgo.TransactionalID(c.txn), kgo.ConnIdleTimeout(connIdle), kgo.WithHooks(c))
		if c.cl, errs[i] = kgo.NewClient(all...); errs[i] == nil {
			ids[i] = c
			_, _, errs[i] = c.cl.ProducerID(ctx)
		}
	}
	claim(0)
	if errs[0] == nil {
		var wg sync.WaitGroup
		for i := 1; i < len(txns); i++ {
			wg.Go(func() { claim(i) })
		}
		wg.Wait()
	}
	if err := errors.Join(errs...); err != nil {
		closeAll(ids)
		return nil, err
	}
	return ids, nil
}

// closeAll ends clients without ending their transactions.
func closeAll(ids []*claimed) {
	var wg sync.WaitGroup
	for _, c := range ids {
		if c != nil {
			wg.Go(c.close)
		}
	}
	wg.Wait()
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
