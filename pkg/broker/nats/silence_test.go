package natsjs

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/schemas/subject"
)

// TestAConsumerThatSendsHeartbeatsOnlyIsMadeAgain pauses a consumer at the server: it answers and brings nothing, as one does whose node's copy of
// the stream stands still.
func TestAConsumerThatSendsHeartbeatsOnlyIsMadeAgain(t *testing.T) {
	t.Parallel()
	cfg := DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", t.TempDir()
	emb, err := StartEmbedded(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(emb.Stop)
	topo := DefaultTopology()
	topo.Partitions = 1
	if _, err := emb.Setup(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	nc, err := emb.Connect(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream := subject.PagesStream(0)
	store := func(name string) {
		if _, err := js.PublishMsg(ctx, &nats.Msg{Subject: subject.Pages + ".0." + name, Data: make([]byte, 100_000)}); err != nil {
			t.Fatal(err)
		}
	}
	tail, err := OpenTail(js, stream, 1, TailConfig{heartbeat: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	take := func() uint64 {
		msgs, err := tail.Take(ctx, nil, 10, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return msgs[len(msgs)-1].Seq
	}
	store("1")
	if seq := take(); seq != 1 {
		t.Fatalf("got %d, want 1", seq)
	}
	first := tail.current
	if _, err := js.PauseConsumer(ctx, stream, first, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	store("2")
	if seq := take(); seq != 2 {
		t.Fatalf("got %d, want 2", seq)
	}
	second := tail.current
	if second == first {
		t.Fatal("the message came from the consumer that was paused")
	}

	// What has nothing to bring is left alone, however often it is asked about.
	idle, cancel := context.WithTimeout(ctx, 3*tail.cfg.silence())
	defer cancel()
	if msgs, err := tail.Take(idle, nil, 10, 1<<20); err == nil {
		t.Fatalf("got %d messages of an idle stream", len(msgs))
	}
	if tail.current != second {
		t.Error("an idle stream's consumer was made again")
	}
}
