package natsjs

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/schemas/subject"
)

// quiet is a stream of which a tail has read all, with few heartbeats to wait for.
type quiet struct {
	t      *testing.T
	ctx    context.Context
	js     jetstream.JetStream
	stream string
	tail   *Tail
	stored uint64
}

func newQuiet(t *testing.T) *quiet {
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
	nc, err := Connect(emb.URL(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	q := &quiet{t: t, ctx: ctx, js: js, stream: subject.PagesStream(0)}
	if q.tail, err = OpenTail(js, q.stream, 1, TailConfig{heartbeat: 300 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.tail.Close)
	q.store()
	q.take(1)
	return q
}

// store stores one more message, of a size whose copies are noticed.
func (q *quiet) store() {
	q.t.Helper()
	q.stored++
	if _, err := q.js.PublishMsg(q.ctx, &nats.Msg{Subject: subject.Pages + ".0." + strconv.FormatUint(q.stored, 10), Data: make([]byte, 100_000)}); err != nil {
		q.t.Fatal(err)
	}
}

// take reads one message, which has to be that one.
func (q *quiet) take(seq uint64) {
	q.t.Helper()
	msgs, err := q.tail.Take(q.ctx, nil, 1, 1<<20)
	if err != nil || msgs[0].Seq != seq {
		q.t.Fatalf("got %v, %v, want message %d", msgs, err, seq)
	}
}
