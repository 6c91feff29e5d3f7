package natsjs

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestAConsumerThatSendsHeartbeatsOnlyIsMadeAgain pauses a consumer at the server: it answers and brings nothing, as one would whose node's copy of
// the stream stands still.
func TestAConsumerThatSendsHeartbeatsOnlyIsMadeAgain(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	first := q.tail.current
	if _, err := q.js.PauseConsumer(q.ctx, q.stream, first, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	q.store()
	q.take(2)
	second := q.tail.current
	if second == first {
		t.Fatal("the message came from the consumer that was paused")
	}

	// What has nothing to bring is left alone, however often it is asked about.
	idle, cancel := context.WithTimeout(q.ctx, 5*q.tail.cfg.silence())
	defer cancel()
	if msgs, err := q.tail.Take(idle, nil, 10, 1<<20); err == nil {
		t.Fatalf("got %d messages of an idle stream", len(msgs))
	}
	if q.tail.current != second {
		t.Error("an idle stream's consumer was made again")
	}
}

// TestTheLastMessageOfAStreamIsReadAlthoughItWasLost has another reader swallow what the server sends, as a route between two nodes does that breaks:
// no later message tells.
func TestTheLastMessageOfAStreamIsReadAlthoughItWasLost(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	tap := q.tail.nc.Opts.CustomDialer.(*tap)
	first := q.tail.current
	route := &Tail{current: first, notify: make(chan struct{}, 1), seq: 1, cseq: 1}
	tap.set(first, route)
	q.store()
	q.store()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		route.mu.Lock()
		lost := route.waiting()
		route.mu.Unlock()
		if lost == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages were lost, want 2", lost)
		}
	}
	tap.set(first, q.tail)
	began := time.Now()
	q.take(2)
	q.take(3)
	if took := time.Since(began); took > q.tail.cfg.silence() {
		t.Errorf("found after %s, as late as by silence", took)
	}
	if q.tail.current == first {
		t.Error("the consumer was not made again")
	}
}

// TestAReaderThatFindsNoConsumerAsksLessAndLess: what a cluster in trouble refuses it may make all the same, has room for a thousand on a stream, and
// keeps for a minute.
func TestAReaderThatFindsNoConsumerAsksLessAndLess(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	stream, err := q.js.Stream(q.ctx, q.stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.js.DeleteStream(q.ctx, q.stream); err != nil {
		t.Fatal(err)
	}
	var asked, deleted atomic.Int64
	for subj, count := range map[string]*atomic.Int64{"$JS.API.CONSUMER.CREATE.": &asked, "$JS.API.CONSUMER.DELETE.": &deleted} {
		if _, err := q.js.Conn().Subscribe(subj+q.stream+".>", func(*nats.Msg) { count.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	idle, cancel := context.WithTimeout(q.ctx, 4*time.Second)
	defer cancel()
	if msgs, err := q.tail.Take(idle, nil, 10, 1<<20); err == nil {
		t.Fatalf("got %d messages of a stream that is gone", len(msgs))
	}
	if n := asked.Load(); n < 2 || n > 12 {
		t.Errorf("it asked for %d consumers in four seconds, want a few", n)
	}
	if n, m := asked.Load(), deleted.Load(); m < n {
		t.Errorf("of %d consumers that may be there %d were given back", n, m)
	}
	if _, err := q.js.CreateStream(q.ctx, stream.CachedInfo().Config); err != nil {
		t.Fatal(err)
	}
	q.stored = 0
	q.store()
	q.store()
	q.take(2)
}

// TestAConsumerThatRefusesIsAskedAgainBeforeAnotherIsMade: a node that does not know yet of a consumer that another one has just made says that nobody
// is there. Who makes another one then is refused as well.
func TestAConsumerThatRefusesIsAskedAgainBeforeAnotherIsMade(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	refuse := func() {
		inbox := q.tail.inbox
		q.tail.handle(inbox, &nats.Msg{Subject: inbox, Header: nats.Header{"Status": {"503"}}})
	}
	first := q.tail.current
	asked, err := q.js.Conn().SubscribeSync("$JS.API.CONSUMER.MSG.NEXT." + q.stream + "." + first)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	refuse()
	q.store()
	q.take(2)
	if q.tail.current != first {
		t.Fatal("another consumer was made")
	}
	if _, err := asked.NextMsg(5 * time.Second); err != nil {
		t.Errorf("the consumer was not asked again: %v", err)
	}
	for range tailRefused {
		refuse()
	}
	q.store()
	q.take(3)
	if q.tail.current == first {
		t.Error("a consumer that refuses again and again was kept")
	}
}

// A partition with a checkpoint under way waits for a few milliseconds each time: a consumer takes longer to be made.
func TestAReaderThatIsAskedForMomentsOnlyGetsItsConsumer(t *testing.T) {
	q := newQuiet(t)
	tail, err := OpenTail(q.js, q.stream, 1, TailConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	for began := time.Now(); time.Since(began) < 5*time.Second; {
		ctx, cancel := context.WithTimeout(q.ctx, 100*time.Microsecond)
		msgs, err := tail.Take(ctx, nil, 10, 1<<20)
		cancel()
		if err == nil {
			if len(msgs) == 0 {
				t.Error("nothing was taken")
			}
			return
		}
	}
	t.Error("after five seconds in moments nothing was read")
}

func TestAReaderThatIsStoppedDoesNotWaitForItsConsumer(t *testing.T) {
	q := newQuiet(t)
	tail, err := OpenTail(q.js, "RISKD_NOWHERE", 1, TailConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	stop, cancel := context.WithCancel(q.ctx)
	ctx, done := context.WithTimeout(stop, time.Minute)
	defer done()
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	if _, err := tail.Take(ctx, nil, 10, 1<<20); err == nil || time.Since(began) > tailTimeout/2 {
		t.Errorf("stopped after %s: %v", time.Since(began), err)
	}
}
