package scorer

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// spoiling is a broker whose readers overwrite what they are told is done with.
type spoiling struct {
	Broker
	spoiled atomic.Int64 // messages
}

type spoilingLog struct {
	broker.Log
	b *spoiling
}

type spoilingReader struct {
	broker.Reader
	b    *spoiling
	kept []broker.Message
}

func (b *spoiling) Log(n int) broker.Log { return spoilingLog{b.Broker.Log(n), b} }

func (l spoilingLog) Input(from uint64, messages, bytes int) (broker.Reader, error) {
	r, err := l.Log.Input(from, messages, bytes)
	return &spoilingReader{Reader: r, b: l.b}, err
}

func (r *spoilingReader) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	had := len(dst)
	dst, err := r.Reader.Take(ctx, dst, max, maxBytes)
	for i := had; i < len(dst); i++ {
		dst[i].Data = bytes.Clone(dst[i].Data)
	}
	r.kept = append(r.kept, dst[had:]...)
	return dst, err
}

func (r *spoilingReader) Done(through uint64) {
	for len(r.kept) > 0 && r.kept[0].Seq <= through {
		for i := range r.kept[0].Data {
			r.kept[0].Data[i] = '#'
		}
		r.b.spoiled.Add(1)
		r.kept = r.kept[1:]
	}
	r.Reader.Done(through)
}

// What is done with is nowhere in what comes after it: the profiles, decisions, signals, flags and dead letters are those of a serial run, although each
// message is overwritten as soon as its record is stored.
func TestAStoredRecordsMessagesAreDoneWith(t *testing.T) {
	const partitions = 4
	b := natstest.Start(t, partitions)
	evs := newWorld(5, 40).take(4000)
	pub := newPublisher(t, b.Conn, partitions)
	broken := bytes.Repeat([]byte("no event "), 100)
	subj := subject.Event(1, "acme", "ann")
	if err := natsjs.Store(t.Context(), b.JS, &nats.Msg{Subject: subj, Data: broken}); err != nil {
		t.Fatal(err)
	}
	publishAll(t, pub, evs[:3000])
	w := newWorker(t, b.URL(), quickConfig(), newEnricher(t), testLog())
	s := &spoiling{Broker: w.deps.Broker}
	w.deps.Broker = s
	w.start(t)
	waitDrained(t, b.JS, partitions)
	for i := 3000; i < len(evs); i++ { // as they come
		publishAll(t, pub, evs[i:i+1])
	}
	waitDrained(t, b.JS, partitions)
	natstest.Eventually(t, "all is done with", func() bool { return s.spoiled.Load() == int64(accepted(t, b.JS, partitions)) })
	checkAsSerial(t, b.JS, partitions, w, evs)
	dead, err := natsjs.ReadLast(t.Context(), b.JS, subject.DeadStream, subject.DeadOf(1))
	if err != nil {
		t.Fatal(err)
	}
	e := new(riskdv1.JournalEntry)
	if err := e.UnmarshalVT(dead.Data); err != nil || !bytes.Equal(e.Raw, broken) {
		t.Errorf("the dead letter has %q, %v", e.Raw, err)
	}
}
