package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/policylog"
)

const (
	policiesTopic = "policies"
	changePrefix  = "change."
	textPrefix    = "text."
	// policyTimeout bounds one append to the log of policies.
	policyTimeout = 10 * time.Second
)

// PolicyLog is the log of policies in a topic of one partition that is kept for ever: a record for each change, and one for each
// text. It implements [policylog.Log].
type PolicyLog struct{ b *Broker }

// PolicyLog opens the log.
func (b *Broker) PolicyLog() *PolicyLog { return &PolicyLog{b} }

// Append claims the log's transactional id, so that nobody writes meanwhile, and stores the change if it is the next one.
func (l *PolicyLog) Append(ctx context.Context, n uint64, data []byte) error {
	tried := false
	return l.write(ctx, []byte(changePrefix+strconv.FormatUint(n, 10)), data, func(ctx context.Context) (bool, error) {
		last, mine := uint64(0), false
		err := l.scan(ctx, func(r *kgo.Record) error {
			if k, ok := strings.CutPrefix(string(r.Key), changePrefix); ok {
				last, _ = strconv.ParseUint(k, 10, 64)
				mine = mine || tried && last == n && bytes.Equal(r.Value, data)
			}
			return nil
		})
		tried = true
		if err == nil && !mine && last+1 != n {
			err = policylog.ErrTaken
		}
		return mine, err
	})
}

// Put stores a text; the newest of a name counts.
func (l *PolicyLog) Put(ctx context.Context, name string, text []byte) error {
	return l.write(ctx, []byte(textPrefix+name), text, func(context.Context) (bool, error) { return false, nil })
}

// write stores a record in a transaction of its own, after check has agreed; check says whether it is there already. Two writers may
// shut each other out: then both begin again, after unequal pauses.
func (l *PolicyLog) write(ctx context.Context, key, value []byte, check func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, policyTimeout)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := l.tryWrite(ctx, key, value, check)
		disturbed := isFenced(err) || errors.Is(err, kerr.InvalidTxnState) || errors.Is(err, kerr.TransactionAbortable)
		if !disturbed || !sleep(ctx, rand.N(pause)) {
			return err
		}
	}
}

// claim shuts out other writers. What the brokers left open counts as written: whoever wrote it was told so, or could not know.
func (l *PolicyLog) claim(ctx context.Context) (*kgo.Client, error) {
	at := place{l.b.topic(policiesTopic), 0}
	ids, err := l.b.claim(ctx, nil, []string{l.b.cfg.Prefix + policiesTopic}, []place{at},
		func(_ context.Context, found []orphan) ([]orphan, bool, error) { return found, true, nil },
		kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(4<<20), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, fmt.Errorf("claiming the log of policies: %w", err)
	}
	return ids[0].cl, nil
}

// settled is the log's bounds once nothing is open on it. What does not end by itself is ended.
func (l *PolicyLog) settled(ctx context.Context) (bounds, error) {
	soon, cancel := context.WithTimeout(ctx, l.b.cfg.TransactionTimeout+endedPatience)
	at, err := l.b.settled(soon, l.b.topic(policiesTopic), 0)
	cancel()
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return at, err
	}
	cl, err := l.claim(ctx)
	if err != nil {
		return at, err
	}
	cl.Close()
	return l.b.settled(ctx, l.b.topic(policiesTopic), 0)
}

func (l *PolicyLog) tryWrite(ctx context.Context, key, value []byte, check func(context.Context) (bool, error)) error {
	cl, err := l.claim(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	if there, err := check(ctx); there || err != nil {
		return err
	}
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	err = cl.ProduceSync(ctx, &kgo.Record{Topic: l.b.topic(policiesTopic), Key: key, Value: value}).FirstErr()
	if err == nil {
		err = cl.EndTransaction(ctx, kgo.TryCommit)
	}
	if err != nil {
		return fmt.Errorf("writing the log of policies: %w", explain(err))
	}
	return nil
}

// Get is a text by its name.
func (l *PolicyLog) Get(ctx context.Context, name string) (text []byte, err error) {
	found := false
	err = l.scan(ctx, func(r *kgo.Record) error {
		if string(r.Key) == textPrefix+name {
			text, found = r.Value, true
		}
		return nil
	})
	if err == nil && !found {
		err = policylog.ErrMissing
	}
	return text, err
}

// scan visits all that is committed.
func (l *PolicyLog) scan(ctx context.Context, visit func(*kgo.Record) error) error {
	topic := l.b.topic(policiesTopic)
	at, err := l.settled(ctx)
	if err != nil {
		return err
	}
	return l.b.read(ctx, topic, 0, at.start, at.stable, visit)
}

// Follow hands over the changes in order, and what comes.
func (l *PolicyLog) Follow(ctx context.Context, hand func(uint64, []byte) error, known func()) error {
	topic := l.b.topic(policiesTopic)
	at, err := l.settled(ctx)
	next := at.stable
	each := func(r *kgo.Record) error {
		k, ok := strings.CutPrefix(string(r.Key), changePrefix)
		if !ok {
			return nil
		}
		n, err := strconv.ParseUint(k, 10, 64)
		if err != nil {
			return fmt.Errorf("%w: key %q", policylog.ErrBroken, r.Key)
		}
		return hand(n, r.Value)
	}
	if err == nil {
		err = l.b.read(ctx, topic, 0, at.start, next, each)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	known()
	tail, err := l.b.records.open(topic, 0, next, 256, 4<<20, true)
	if err != nil {
		return err
	}
	defer tail.Close()
	for {
		var msgs []broker.Message
		_, recs, err := tail.takeRecords(ctx, msgs, 64, 4<<20)
		if err != nil {
			if errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		for _, r := range recs {
			if err := each(r); err != nil {
				return err
			}
		}
	}
}
