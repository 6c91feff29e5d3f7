package natsjs_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestATakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = l.Addr().String(), t.TempDir()
	_, err = natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
	var taken *natsjs.PortTakenError
	if !errors.As(err, &taken) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v, want PortTakenError", err)
	}
	for _, want := range []string{l.Addr().String(), "-nats-listen", "-nats-url"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestADirectoryIsServedOnce(t *testing.T) {
	dir := t.TempDir()
	natstest.StartIn(t, dir, 1)
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", dir
	if _, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, natsjs.ErrDirInUse) {
		t.Fatalf("got %v, want ErrDirInUse", err)
	}
}

func TestATailGoesOnAfterTheServerWasAway(t *testing.T) {
	dir := t.TempDir()
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", dir
	start := func() *natsjs.Embedded {
		emb, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return emb
	}
	emb := start()
	cfg.Listen = emb.Addr().String()
	topo := natsjs.DefaultTopology()
	topo.Partitions = 1
	if _, err := emb.Setup(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	nc, err := emb.Connect("t")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	pub, err := natsjs.NewPublisher(nc, 1, natsjs.PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tail := openTail(t, js, subject.EventsStream(0), 1, natsjs.TailConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 3 {
		if _, err := pub.Publish(ctx, login("u", strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		got, err := tail.Take(ctx, nil, 10, 1<<20)
		if err != nil || len(got) != 1 || got[0].Seq != uint64(i+1) {
			t.Fatalf("round %d: got %v, %v", i, got, err)
		}
		emb.Stop()
		emb = start()
		if err := emb.MapEvents(1); err != nil {
			t.Fatal(err)
		}
	}
	emb.Stop()
}
