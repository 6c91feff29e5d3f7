package sdk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	bucketStream = "KV_" + subject.StepUpBucket
	bucketPrefix = "$KV." + subject.StepUpBucket + "."
	// watchBuffer messages wait between the connection and the guard. Flow control keeps the server
	// from sending more; one lost all the same shows as a gap and starts a new snapshot.
	watchBuffer = 8192
	// missedHeartbeats in a row mean that the broker is not there, or has forgotten us.
	missedHeartbeats = 3
	// setupWait bounds each call to the broker.
	setupWait = 5 * time.Second
)

var (
	errGap       = errors.New("messages were lost")
	errSilence   = errors.New("no heartbeat from the broker")
	errRefreshed = errors.New("time for a fresh snapshot") // not a fault
)

// run follows the bucket until ctx ends, starting over with a snapshot whenever the thread is lost.
func (g *Guard) run(ctx context.Context) {
	defer close(g.done)
	pause := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := g.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errRefreshed) {
			continue
		}
		kind := ProviderError
		if g.status.CompareAndSwap(uint32(Ready), uint32(Stale)) {
			kind = ProviderStale
			g.log.Warn("riskd guard is stale", "error", err)
		}
		g.tell(GuardEvent{Kind: kind, Err: err})
		if time.Since(began) > retryMost {
			pause = retryFirst
		}
		sleep(ctx, pause/2+rand.N(pause/2))
		pause = min(2*pause, retryMost)
	}
	g.status.Store(uint32(Closed))
	g.tell(GuardEvent{Kind: ProviderStale, Err: ErrClosed})
}

// watching is the state of one consumer, from its snapshot on.
type watching struct {
	consumer jetstream.PushConsumer
	last     uint64              // consumer sequence of the last message
	seen     map[string]struct{} // subjects in the snapshot; nil once it is complete
}

// follow makes a consumer of its own over the bucket: first the latest entry of every key, then each
// change. The consumer's heartbeats come through the same stream as the changes, so hearing one
// proves that there was nothing else to hear; a ping of the connection would not.
func (g *Guard) follow(ctx context.Context) error {
	if g.js == nil {
		g.skipped = false
		return g.broker.Follow(ctx, &Feed{g: g, owed: make(map[sessionKey]map[string]*riskdv1.Signal), seen: make(map[sessionKey]struct{})})
	}
	nc := g.js.Conn()
	if !nc.IsConnected() {
		return nats.ErrDisconnected
	}
	inbox := nc.NewInbox()
	msgs := make(chan *nats.Msg, watchBuffer)
	sub, err := nc.ChanSubscribe(inbox, msgs)
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()

	setup, cancel := context.WithTimeout(ctx, setupWait)
	consumer, err := g.js.CreatePushConsumer(setup, bucketStream, jetstream.ConsumerConfig{
		DeliverSubject: inbox, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckNonePolicy,
		FilterSubject: bucketPrefix + ">", IdleHeartbeat: g.heartbeat, FlowControl: true,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: max(10*g.heartbeat, 10*time.Second), MaxDeliver: 1,
	})
	cancel()
	if err != nil {
		return fmt.Errorf("watching bucket %s: %w", subject.StepUpBucket, err)
	}
	name := consumer.CachedInfo().Name
	defer func() { // the server would do it too, after the inactive threshold
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if nc.IsConnected() {
			_ = g.js.DeleteConsumer(ctx, bucketStream, name)
		}
	}()

	g.skipped = false
	w := &watching{consumer: consumer, seen: map[string]struct{}{}}
	if consumer.CachedInfo().NumPending == 0 {
		g.complete(w)
	}
	silence := time.NewTimer(missedHeartbeats * g.heartbeat)
	defer silence.Stop()
	refresh := time.NewTimer(g.resync)
	defer refresh.Stop()
	for {
		select {
		case m := <-msgs:
			silence.Reset(missedHeartbeats * g.heartbeat)
			if err := g.take(ctx, w, m); err != nil {
				return err
			}
		case <-silence.C:
			return errSilence
		case <-refresh.C:
			return errRefreshed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take handles one message of the consumer.
func (g *Guard) take(ctx context.Context, w *watching, m *nats.Msg) error {
	switch status := m.Header.Get("Status"); status {
	case "":
	case "100":
		return g.control(ctx, w, m)
	default:
		return fmt.Errorf("the consumer ended: %s %s", status, m.Header.Get("Description"))
	}
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("reading a message of the bucket: %w", err)
	}
	if meta.Sequence.Consumer != w.last+1 {
		return errGap
	}
	w.last++
	if tenant, session, ok := keyOf(m.Subject); ok {
		g.apply(tenant, session, meta.Sequence.Stream, m.Header, m.Data)
	} else {
		g.count.flagsInvalid.Add(1)
	}
	if w.seen == nil {
		g.current(time.Now())
		return nil
	}
	w.seen[m.Subject] = struct{}{}
	if meta.NumPending == 0 {
		g.complete(w)
	}
	return nil
}

// control answers flow control and reads heartbeats.
func (g *Guard) control(ctx context.Context, w *watching, m *nats.Msg) error {
	if m.Reply != "" { // flow control: everything before it has been taken
		return m.Respond(nil)
	}
	if stalled := m.Header.Get("Nats-Consumer-Stalled"); stalled != "" {
		return g.js.Conn().Publish(stalled, nil)
	}
	if last, err := strconv.ParseUint(m.Header.Get("Nats-Last-Consumer"), 10, 64); err == nil && last != w.last {
		return errGap
	}
	if w.seen == nil {
		g.current(time.Now())
		return nil
	}
	// Quiet before the snapshot's end: what was left of it may have expired meanwhile.
	ctx, cancel := context.WithTimeout(ctx, setupWait)
	defer cancel()
	info, err := w.consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("asking for the consumer's position: %w", err)
	}
	if info.NumPending == 0 && info.Delivered.Consumer == w.last {
		g.complete(w)
	}
	return nil
}

// complete ends the snapshot.
func (g *Guard) complete(w *watching) {
	seen := w.seen
	w.seen = nil
	g.snapshot(func(tenant, session string) bool { _, ok := seen[bucketPrefix+subject.Key(tenant, session)]; return ok }, time.Now())
}

// snapshot ends one: flags that were not in it are gone.
func (g *Guard) snapshot(seen func(tenant, session string) bool, asOf time.Time) {
	g.flags.each(func(f *flag) {
		if !seen(f.tenant, f.session) {
			g.drop(f.tenant, f.session)
		}
	})
	g.overflow.Store(g.skipped)
	g.count.snapshots.Add(1)
	g.current(asOf)
	if Status(g.status.Swap(uint32(Ready))) != Ready {
		g.log.Info("riskd guard is ready", "flags", g.flags.live)
	}
	g.tell(GuardEvent{Kind: ProviderReady})
}
