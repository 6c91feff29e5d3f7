package kafka_test

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
)

// mute takes connections and never says anything, as a broker that was stopped does; it counts them.
func mute(t *testing.T) (addr string, taken chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	taken = make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			taken <- struct{}{}
		}
	}()
	return l.Addr().String(), taken
}

// One of two brokers says nothing. The first client that asks it waits for three seconds; those that come after do not ask it at all, and have their
// answers from the other one.
func TestABrokerThatSaysNothingHoldsUpOneClient(t *testing.T) {
	silent, taken := mute(t)
	b := kafkatest.Open(t, kafkatest.Config(append([]string{silent}, kafkatest.Fake(t)...), 1))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ask := func() time.Duration { // a client that knows no broker yet: the silent one first, then any
		t.Helper()
		cl, err := kgo.NewClient(kafka.OptionsOf(b)...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		began := time.Now()
		if err := cl.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	ask()
	if len(taken) != 1 || kafka.SilentBrokers(b) != 1 {
		t.Fatalf("the silent one was asked %d times, and %d are known", len(taken), kafka.SilentBrokers(b))
	}
	began, n := time.Now(), 0
	for ; time.Since(began) < kafka.SilentFor/2; n++ {
		if took := ask(); took > time.Second {
			t.Fatalf("an answer took %s although the silent one is known", took)
		}
	}
	if len(taken) != 1 || n < 10 {
		t.Errorf("%d clients had an answer meanwhile, and the silent one was asked %d times", n, len(taken))
	}
	time.Sleep(time.Until(began.Add(kafka.SilentFor)))
	if ask(); len(taken) != 2 {
		t.Errorf("it may have come back, and was asked %d times", len(taken))
	}
}

func TestASilentBrokerIsTriedByOneAtATime(t *testing.T) {
	d, now := kafka.NewDialer(), time.Now()
	if d.Avoid("a:1", now) {
		t.Error("a broker that nobody has asked is avoided")
	}
	d.Missed("a:1", now)
	if !d.Avoid("a:1", now.Add(kafka.SilentFor-1)) || d.Avoid("b:1", now) {
		t.Error("want that one avoided, and no other")
	}
	now = now.Add(kafka.SilentFor)
	if d.Avoid("a:1", now) || !d.Avoid("a:1", now) {
		t.Error("want one client to try it, and the next to wait")
	}
	if d.Heard("a:1"); d.Avoid("a:1", now) {
		t.Error("a broker that answers is avoided")
	}
	d.Missed("a:1", now)
	if d.Missed("b:1", now.Add(time.Hour)); d.Known() != 1 {
		t.Errorf("%d are remembered, want the one that was missed within the last minute", d.Known())
	}
}

// A broker without a network takes no connection and refuses none. One that refuses is there, or its machine is.
func TestOnlyABrokerThatTakesNoConnectionIsSilent(t *testing.T) {
	dials := 0
	fails := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { dials++; return nil, err }
	}
	refused, lost := kafka.NewDialer(), kafka.NewDialer()
	for range 2 {
		if err := refused.Dial(fails(syscall.ECONNREFUSED)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
	}
	if refused.Known() != 0 || dials != 2 {
		t.Errorf("one that refuses is taken for silent after %d attempts", dials)
	}
	dials = 0
	for range 2 {
		if err := lost.Dial(fails(os.ErrDeadlineExceeded)); err == nil {
			t.Error("connected")
		}
	}
	if lost.Known() != 1 || dials != 1 {
		t.Errorf("%d attempts at one that takes no connection, want 1", dials)
	}
}

// A client that is closed while it waits says nothing about the broker.
func TestAClosedClientAccusesNobody(t *testing.T) {
	silent, taken := mute(t)
	b := kafkatest.Open(t, kafkatest.Config([]string{silent}, 1))
	cl, err := kgo.NewClient(kafka.OptionsOf(b)...)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() { asked <- cl.Ping(t.Context()) }()
	<-taken
	cl.Close()
	if err := <-asked; err == nil {
		t.Fatal("a broker that says nothing has answered")
	}
	if n := kafka.SilentBrokers(b); n != 0 {
		t.Errorf("%d brokers are taken for silent", n)
	}
}
