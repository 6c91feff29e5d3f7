package scorer

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// warmSeconds is how long a rate is kept up before flags are timed: until then every user is new, and the collector finds the right size.
const warmSeconds = 1

// load sends events that were prepared at its caller's pace. It shares the machine with what is timed, so it should cost little.
type load interface {
	// prepare appends events to those that can be sent.
	prepare(tb testing.TB, evs []*riskdv1.Event)
	// send sends events from to to and waits for nothing.
	send(ctx context.Context, tb testing.TB, from, to int)
	// settle waits until the broker has all that was sent.
	settle(ctx context.Context, tb testing.TB)
}

// natsLoad keeps events as the bytes that apps publish, in memory that the collector need not look through, and asks for no acknowledgement.
type natsLoad struct {
	js         jetstream.JetStream
	partitions int
	// arena holds subject, id and payload of one message behind those of another; ends says where each ends.
	arena []byte
	ends  []int
}

func (l *natsLoad) prepare(tb testing.TB, evs []*riskdv1.Event) {
	for _, ev := range evs {
		m, err := natsjs.EventMsg(ev, l.partitions)
		if err != nil {
			tb.Fatal(err)
		}
		for _, part := range [][]byte{[]byte(m.Subject), []byte(m.Header.Get(jetstream.MsgIDHeader)), m.Data} {
			l.arena = append(l.arena, part...)
			l.ends = append(l.ends, len(l.arena))
		}
	}
}

func (l *natsLoad) send(_ context.Context, tb testing.TB, from, to int) {
	at := 0
	if from > 0 {
		at = l.ends[3*from-1]
	}
	for i := from; i < to; i++ {
		subj, id, end := l.ends[3*i], l.ends[3*i+1], l.ends[3*i+2]
		msg := &nats.Msg{Subject: string(l.arena[at:subj]), Data: l.arena[id:end],
			Header: nats.Header{natsjs.HeaderContentType: {natsjs.ContentTypeEvent}, jetstream.MsgIDHeader: {string(l.arena[subj:id])}}}
		if err := l.js.Conn().PublishMsg(msg); err != nil {
			tb.Error(err)
		}
		at = end
	}
}

func (l *natsLoad) settle(ctx context.Context, tb testing.TB) {
	for ctx.Err() == nil {
		var have uint64
		for p := range l.partitions {
			last, _, err := natsjs.LastSeq(ctx, l.js, subject.EventsStream(p))
			if err != nil {
				tb.Error(err)
				return
			}
			have += last
		}
		if have == uint64(len(l.ends)/3) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	tb.Error("the broker has not stored what was sent")
}

// publisherLoad is the publisher of apps, over any broker.
type publisherLoad struct {
	pub broker.Publisher
	evs []*riskdv1.Event
	wg  sync.WaitGroup
}

func (l *publisherLoad) prepare(_ testing.TB, evs []*riskdv1.Event) { l.evs = append(l.evs, evs...) }

func (l *publisherLoad) send(ctx context.Context, _ testing.TB, from, to int) {
	l.wg.Go(func() { l.pub.PublishBatch(ctx, l.evs[from:to]) })
}

func (l *publisherLoad) settle(context.Context, testing.TB) { l.wg.Wait() }

// flagLatencies sends at a steady rate and measures until the flag is in a guard of the SDK, after warmSeconds; fellBehind tells that the
// broker could not keep the rate.
func flagLatencies(tb testing.TB, br *natstest.Broker, partitions, rate, seconds int) (lat []time.Duration, fellBehind bool) {
	_, js := br.Dial(tb)
	return timeFlags(tb, &natsLoad{js: js, partitions: partitions},
		func(opts ...sdk.Option) (*sdk.Client, error) { return sdk.Connect(br.URL(), "//bench", opts...) }, rate, seconds)
}

// timeFlags is flagLatencies over any broker. One event in a hundred is an act that always asks, in a session of its own; the others are as in the
// rest of the bench, so that workers raise what people raise.
func timeFlags(tb testing.TB, to load, connect func(...sdk.Option) (*sdk.Client, error), rate, seconds int) (lat []time.Duration, fellBehind bool) {
	var sent sync.Map // session to publish time
	var mu sync.Mutex
	client, err := connect(sdk.WithTenant("acme"), sdk.WithGuardEvents(func(ev sdk.GuardEvent) {
		if at, ok := sent.LoadAndDelete(ev.Session); ok {
			took := time.Since(at.(time.Time))
			mu.Lock()
			lat = append(lat, took)
			mu.Unlock()
		}
	}))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := client.Guard().WaitReady(ctx); err != nil {
		tb.Fatal(err)
	}
	warm := rate * warmSeconds
	seconds += warmSeconds
	asks, due := make(map[int]string), 0 // the events that always ask, and their sessions
	for source, n := newPipelineSource(20000), 0; n < rate*seconds; {
		evs := source.take(min(1000, rate*seconds-n))
		for _, ev := range evs {
			if n%100 == 0 {
				ev.Type, ev.Outcome, ev.ChallengeId = "dev.riskd.activity.v1", "success", ""
				ev.Session = &riskdv1.Session{Id: "flagged-" + strconv.Itoa(n)}
				ev.Action, ev.Resource = "apikey.create", &riskdv1.Resource{Type: "apikey", Id: "k", Sensitivity: "critical"}
				if asks[n] = ev.Session.Id; n >= warm {
					due++
				}
			}
			n++
		}
		to.prepare(tb, evs)
	}
	runtime.GC() // what making the events left is not the pipeline's
	begin := time.Now()
	per := max(rate/500, 1) // two milliseconds' worth at a time
	for start := 0; start < rate*seconds; start += per {
		time.Sleep(time.Until(begin.Add(time.Duration(start) * time.Second / time.Duration(rate))))
		end, now := min(start+per, rate*seconds), time.Now()
		for i := start; i < end; i++ {
			if s, ok := asks[i]; ok && i >= warm {
				sent.Store(s, now)
			}
		}
		to.send(ctx, tb, start, end)
	}
	to.settle(ctx, tb)
	fellBehind = time.Since(begin) > time.Duration(seconds)*time.Second*5/4+300*time.Millisecond
	seen := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(lat) >= due
	}
	for deadline := time.Now().Add(30 * time.Second); !seen() && time.Now().Before(deadline); { // the slow ones count too
		time.Sleep(10 * time.Millisecond)
	}
	if err := client.Close(ctx); err != nil {
		tb.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return lat, fellBehind
}
