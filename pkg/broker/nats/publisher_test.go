package natsjs_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestPublishedEventsAreStoredOnceInOrder(t *testing.T) {
	b := natstest.Start(t, 4)
	pub, err := natsjs.NewPublisher(b.Conn, 4, natsjs.PublisherConfig{MaxPending: 16})
	if err != nil {
		t.Fatal(err)
	}
	var evs []*riskdv1.Event
	for i := range 100 {
		evs = append(evs, login("u1", strconv.Itoa(i)))
	}
	for i, r := range pub.PublishBatch(t.Context(), evs) {
		if r.Err != nil || r.Duplicate {
			t.Fatalf("event %d: %+v", i, r)
		}
	}
	if dup, err := pub.Publish(t.Context(), evs[7]); err != nil || !dup {
		t.Fatalf("got duplicate=%v, %v, want true", dup, err)
	}
	tail := openTail(t, b.JS, subject.EventsStream(subject.Partition("acme", "u1", 4)), 1, natsjs.TailConfig{Messages: 10})
	var got []natsjs.Message
	for len(got) < 100 {
		if got, err = tail.Take(t.Context(), got, 1000, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range got {
		var ev riskdv1.Event
		if err := ev.UnmarshalVT(m.Data); err != nil {
			t.Fatal(err)
		}
		if ev.Id != strconv.Itoa(i) || m.Seq != uint64(i+1) || time.Since(time.Unix(0, m.StoredNS)) > time.Minute {
			t.Fatalf("message %d: event %s seq %d stored %d", i, ev.Id, m.Seq, m.StoredNS)
		}
	}
}

// misdirecting is a connection whose first event goes to a subject that no stream has, once.
type misdirecting struct {
	net.Conn
	done *atomic.Bool
}

func (m misdirecting) Dial(network, addr string) (net.Conn, error) {
	c, err := net.Dial(network, addr)
	return misdirecting{c, m.done}, err
}

func (m misdirecting) Write(b []byte) (int, error) {
	if at := bytes.Index(b, []byte("HPUB riskd.in.")); at >= 0 && m.done.CompareAndSwap(false, true) {
		copy(b[at:], "HPUB risky.in.")
	}
	return m.Conn.Write(b)
}

func TestAUsersEventsKeepTheirOrderWhenOneHasToBeSentAgain(t *testing.T) {
	b := natstest.Start(t, 1)
	var missed atomic.Bool
	nc, err := natsjs.Connect(b.URL(), t.Name(), nats.SetCustomDialer(misdirecting{done: &missed}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	pub, err := natsjs.NewPublisher(nc, 1, natsjs.PublisherConfig{MaxPending: 8})
	if err != nil {
		t.Fatal(err)
	}
	var evs []*riskdv1.Event
	for i := range 20 {
		evs = append(evs, login("u1", fmt.Sprint("a", i)), login("u2", fmt.Sprint("b", i)))
	}
	evs[4].Http = &riskdv1.Http{UserAgent: strings.Repeat("x", 9<<20)} // never fits; those behind it must not wait for it
	for i, r := range pub.PublishBatch(t.Context(), evs) {
		if (r.Err != nil) != (i == 4) {
			t.Errorf("event %d: %v", i, r.Err)
		}
	}
	if !missed.Load() {
		t.Fatal("nothing went wrong: nothing was tested")
	}
	tail := openTail(t, b.JS, subject.EventsStream(0), 1, natsjs.TailConfig{})
	var got []natsjs.Message
	for len(got) < len(evs)-1 {
		if got, err = tail.Take(t.Context(), got, 1000, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	next := map[string]int{"a": 0, "b": 0}
	for _, m := range got {
		var ev riskdv1.Event
		if err := ev.UnmarshalVT(m.Data); err != nil {
			t.Fatal(err)
		}
		who := ev.Id[:1]
		if ev.Id == "a3" && next["a"] == 2 {
			next["a"] = 3
		}
		if ev.Id != fmt.Sprint(who, next[who]) {
			t.Errorf("event %s of a user comes where %s%d was due", ev.Id, who, next[who])
		}
		next[who]++
	}
}

func TestManyBatchesShareASmallWindow(t *testing.T) {
	b := natstest.Start(t, 2)
	pub, err := natsjs.NewPublisher(b.Conn, 2, natsjs.PublisherConfig{MaxPending: 4})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			var evs []*riskdv1.Event
			for i := range 40 {
				evs = append(evs, login("u"+strconv.Itoa(i), fmt.Sprintf("%d-%d", w, i)))
			}
			for _, r := range pub.PublishBatch(ctx, evs) {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
		})
	}
	wg.Wait()
}
