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
	// watchBytes is how much may wait between the connection and the guard. Flow control keeps the server from sending more than 32 MiB ahead of what
	// the guard has taken, however many messages that are: a bound of their number loses some of a snapshot of many flags, and starts it again, and
	// again. One lost all the same shows as a gap.
	watchBytes = 64 << 20
	// missedHeartbeats in a row mean that the broker is not there, or has forgotten us.
	missedHeartbeats = 3
	// behindHeartbeats' time without what the leader had means that the node whose copy is read is behind for longer than a moment.
	behindHeartbeats = 3
	// pingEvery is how often the node of the broker is asked for a sign of life; three without one, and the next node is tried. A node that is stopped, or
	// whose network is gone, closes nothing, and by nats.go's defaults an app would stay with it for four to six minutes, its guard stale.
	pingEvery = 2 * time.Second
	// setupWait bounds each call to the broker. A question to a leader that was just lost is never answered, however long one waits.
	setupWait = 3 * time.Second
	// writeWait bounds a write: a node that reads no more holds whoever writes to it, and with them all else of the connection.
	writeWait = 5 * time.Second
)

var (
	errGap       = errors.New("messages were lost")
	errSilence   = errors.New("no heartbeat from the broker")
	errBehind    = errors.New("the node of the broker that is read is behind the others")
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
			kind, g.stay = ProviderStale, 0
			g.log.Warn("riskd guard is stale", "error", err)
		}
		g.tell(GuardEvent{Kind: kind, Err: err})
		if again := kind == ProviderError; g.js != nil && useless(err, again) { // it was not ready in between
			g.leave()
		}
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
	last    uint64              // consumer sequence of the last message
	seen    map[string]struct{} // subjects in the snapshot; nil once it is complete
	inbox   string
	leader  uint64    // last sequence of the stream, as its leader said last
	behind  time.Time // since when the copy that is read does not have that; zero: it has
	inquiry inquiry
	began   time.Time
	waits   func() bool // whether more has come than was taken
}

// asOf is the moment that the guard is current as of: now when it has taken all that came; else it knows no more than that it reads what was there when
// it began. A guard that is slower than what comes is stale, although something comes all the time.
func (w *watching) asOf() time.Time {
	if w.waits() {
		return w.began
	}
	return time.Now()
}

// follow makes a consumer of its own over the bucket: first the latest entry of every key, then each
// change. The consumer's heartbeats come through the same stream as the changes, so hearing one
// proves that there was nothing else to hear; a ping of the connection would not. A consumer reads the
// copy of one node, which may be behind: its heartbeats say how far it is, and the leader is asked now and
// then how far it should be.
func (g *Guard) follow(ctx context.Context) error {
	if g.js == nil {
		g.skipped = false
		return g.broker.Follow(ctx, &Feed{g: g, owed: make(map[sessionKey]map[string]*riskdv1.Signal), seen: make(map[sessionKey]struct{})})
	}
	nc := g.js.Conn()
	if !nc.IsConnected() {
		return nats.ErrDisconnected
	}
	began, inbox := time.Now(), nc.NewInbox()
	msgs, left := make(chan *nats.Msg), make(chan struct{})
	defer close(left)
	sub, err := nc.Subscribe(inbox, func(m *nats.Msg) {
		select {
		case msgs <- m:
		case <-left:
		}
	})
	if err == nil {
		err = sub.SetPendingLimits(-1, watchBytes)
	}
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	waits := func() bool {
		n, _, err := sub.Pending()
		return err == nil && n > 0
	}

	setup, cancel := context.WithTimeout(ctx, setupWait)
	defer cancel()
	stream, err := g.js.Stream(setup, bucketStream) // its leader answers
	if err != nil {
		return fmt.Errorf("watching bucket %s: %w", subject.StepUpBucket, err)
	}
	if !inTouch(stream.CachedInfo().Cluster) {
		return errCutOff
	}
	consumer, err := g.js.CreatePushConsumer(setup, bucketStream, jetstream.ConsumerConfig{
		DeliverSubject: inbox, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckNonePolicy,
		FilterSubject: bucketPrefix + ">", IdleHeartbeat: g.heartbeat, FlowControl: true,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: max(10*g.heartbeat, 10*time.Second), MaxDeliver: 1,
	})
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
	w := &watching{seen: map[string]struct{}{}, inbox: inbox, leader: stream.CachedInfo().State.LastSeq, inquiry: inquiry{answered: began}, began: began, waits: waits}
	if consumer.CachedInfo().NumPending == 0 {
		g.tryComplete(w, 0)
	}
	silence := time.NewTimer(missedHeartbeats * g.heartbeat)
	defer silence.Stop()
	refresh := time.NewTimer(g.resync)
	defer refresh.Stop()
	for {
		select {
		case m := <-msgs:
			silence.Reset(missedHeartbeats * g.heartbeat)
			if err := g.take(w, m); err != nil {
				return err
			}
		case <-silence.C:
			if !waits() {
				return errSilence
			}
			silence.Reset(missedHeartbeats * g.heartbeat) // it was the guard that was busy
		case <-refresh.C:
			return errRefreshed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take handles one message of the consumer.
func (g *Guard) take(w *watching, m *nats.Msg) error {
	switch status := m.Header.Get("Status"); status {
	case "":
		if m.Subject == w.inbox {
			w.told(m.Data)
			return nil
		}
	case "503": // nobody answers for the leader
		return nil
	case "100":
		return g.control(w, m)
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
		return g.hears(w, meta.Sequence.Stream)
	}
	w.behind = time.Time{}
	w.seen[m.Subject] = struct{}{}
	if meta.NumPending == 0 {
		g.tryComplete(w, meta.Sequence.Stream)
	}
	return nil
}

// control answers flow control and reads heartbeats.
func (g *Guard) control(w *watching, m *nats.Msg) error {
	if m.Reply != "" { // flow control: everything before it has been taken
		return m.Respond(nil)
	}
	if stalled := m.Header.Get("Nats-Consumer-Stalled"); stalled != "" {
		return g.js.Conn().Publish(stalled, nil)
	}
	if last, err := strconv.ParseUint(m.Header.Get("Nats-Last-Consumer"), 10, 64); err == nil && last != w.last {
		return errGap
	}
	at, err := strconv.ParseUint(m.Header.Get("Nats-Last-Stream"), 10, 64)
	if err != nil {
		return fmt.Errorf("reading a heartbeat: %w", err)
	}
	return g.hears(w, at)
}
