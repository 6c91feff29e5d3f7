package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// fetchBytes is how much one answer brings.
	fetchBytes = 4 << 20
	// missedHeartbeats in a row mean that the broker is not there.
	missedHeartbeats = 3
	// sweepEvery is how often flags whose time is over are looked for.
	sweepEvery = 30 * time.Second
)

// bindingTTL and flagGrace are riskd's own (pkg/broker): a flag that may be left unanswered goes that long after its end, any other
// after as long as riskd remembers an idle session.
const (
	bindingTTL = 14 * 24 * time.Hour
	flagGrace  = 10 * time.Minute
)

// follower reads the topic of signals from its beginning on.
type follower struct {
	b    *Broker
	feed *sdk.Feed

	topic   string
	id      [16]byte
	leader  int32 // -1: not known
	epoch   int32 // of the leader; -1 where brokers do not tell
	askAt   time.Time
	next    int64 // offset
	end     int64 // of the snapshot; -1: not known, or over
	aim     int64 // once next is there, everything was read that the broker had at seen
	seen    time.Time
	open    map[string]flag // by key, of those whose time can run out
	sweepAt time.Time
}

type flag struct {
	sig  *riskdv1.Signal
	ends time.Time
}

// Follow implements [sdk.Broker]. An answer to a fetch proves that the broker is there, also when it brings nothing.
func (b *Broker) Follow(ctx context.Context, feed *sdk.Feed) error {
	f := &follower{b: b, feed: feed, topic: b.cfg.Prefix + "signals", leader: -1, epoch: -1, end: -1, open: map[string]flag{}, sweepAt: time.Now().Add(sweepEvery)}
	if err := f.begin(ctx); err != nil {
		return fmt.Errorf("reading %s: %w", f.topic, err)
	}
	for last := time.Now(); ; {
		err := f.step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			last = time.Now()
		case time.Since(last) > missedHeartbeats*b.cfg.Heartbeat || errors.Is(err, errGone):
			return fmt.Errorf("reading %s: %w", f.topic, err)
		default:
			f.leader = -1
			pause(ctx, b.cfg.Heartbeat/4)
		}
	}
}

// errGone tells that the topic has been made anew, or cut.
var errGone = errors.New("the topic does not go on where it was left")

// begin finds out where the topic begins, and where it ends now.
func (f *follower) begin(ctx context.Context) (err error) {
	if err := f.locate(ctx); err != nil {
		return err
	}
	if f.next, err = f.offset(ctx, -2); err != nil {
		return err
	}
	if f.end, err = f.offset(ctx, -1); err != nil {
		return err
	}
	f.settle()
	return nil
}

// step takes one answer of the broker.
func (f *follower) step(ctx context.Context) error {
	if err := f.ask(ctx); err != nil {
		return err
	}
	wait := f.b.cfg.Heartbeat / 2
	ctx, cancel := context.WithTimeout(ctx, wait+f.b.cfg.Heartbeat)
	defer cancel()
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = int32(wait.Milliseconds()), 1, fetchBytes, 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = f.topic, f.id
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = f.next, fetchBytes, f.epoch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	asked := time.Now()
	kresp, err := f.b.reader.Broker(int(f.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return err
	}
	resp := kresp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errors.New("the answer holds no partition")
	}
	got := &resp.Topics[0].Partitions[0]
	switch err := kerr.ErrorForCode(got.ErrorCode); {
	case errors.Is(err, kerr.OffsetOutOfRange), errors.Is(err, kerr.UnknownTopicID):
		return errGone
	case err != nil:
		return err
	}
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: f.next, IsolationLevel: kgo.ReadCommitted(), Topic: f.topic},
		got, kgo.DefaultDecompressor(), func(kgo.FetchBatchMetrics) {})
	if fetched.Err != nil {
		return fetched.Err
	}
	for _, r := range fetched.Records {
		f.put(r)
	}
	f.next = max(f.next, next)
	f.settle()
	if f.end < 0 {
		f.prove(got.HighWatermark, asked)
	}
	if now := time.Now(); now.After(f.sweepAt) {
		f.sweepAt = now.Add(sweepEvery)
		f.sweep(now)
	}
	return nil
}

// settle ends the snapshot once it is read.
func (f *follower) settle() {
	if f.end >= 0 && f.next >= f.end {
		f.end = -1
		f.feed.Complete(time.Now())
	}
}

// prove tells the guard how current it is. What lies behind a transaction that is not decided cannot be read yet: the guard is as
// current as the last moment whose end has been reached.
func (f *follower) prove(high int64, asked time.Time) {
	if f.seen.IsZero() {
		f.aim, f.seen = high, asked
	}
	if f.next >= f.aim {
		f.feed.Current(f.seen)
		if f.next >= high {
			f.feed.Current(asked)
		}
		f.seen = time.Time{}
	}
}

// put hands a record over. Its key is tenant.session.user, each as package subject writes it.
func (f *follower) put(r *kgo.Record) {
	seq := uint64(r.Offset) + 1
	delete(f.open, string(r.Key))
	sig := new(riskdv1.Signal)
	if r.Value == nil || sig.UnmarshalVT(r.Value) != nil || sig.State == "" {
		parts := strings.Split(string(r.Key), ".")
		if len(parts) < 2 {
			return
		}
		tenant, ok1 := subject.Untoken(parts[0])
		session, ok2 := subject.Untoken(parts[1])
		if ok1 && ok2 && r.Value != nil {
			f.feed.Unreadable(tenant, session, seq)
		}
		return
	}
	ends := r.Timestamp.Add(life(sig))
	if time.Now().After(ends) {
		sig = cleared(sig)
	} else if sig.State == "required" || sig.State == "denied" || sig.State == "expired" {
		f.open[string(r.Key)] = flag{sig, ends}
	}
	f.feed.Put(seq, sig)
}

// sweep clears flags whose time is over.
func (f *follower) sweep(now time.Time) {
	for key, o := range f.open {
		if now.After(o.ends) {
			delete(f.open, key)
			f.feed.Put(uint64(f.next), cleared(o.sig))
		}
	}
}

// cleared is a signal whose time is over.
func cleared(sig *riskdv1.Signal) *riskdv1.Signal {
	return &riskdv1.Signal{TenantId: sig.TenantId, SessionId: sig.SessionId, UserId: sig.UserId, ChallengeId: sig.ChallengeId, Revision: sig.Revision, State: "cancelled"}
}

// life is how long a signal counts after it was stored.
func life(sig *riskdv1.Signal) time.Duration {
	if sig.State != "required" || sig.OnExpiry != "allow" {
		return bindingTTL
	}
	return max(time.Duration(sig.ExpiresAtMs-sig.IssuedAtMs)*time.Millisecond, 0) + flagGrace
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
