// Package natstest starts a real NATS server with riskd's streams for one test.
package natstest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
)

// Broker is a server on a free port with its streams made.
type Broker struct {
	*natsjs.Embedded // nil of a server that is a process of its own
	Conn             *nats.Conn
	JS               jetstream.JetStream
	Topo             natsjs.Topology

	url string
}

// At is a server of another process, which has made its streams.
func At(t testing.TB, url string, topo natsjs.Topology) *Broker {
	t.Helper()
	b := &Broker{Topo: topo, url: url}
	b.Conn, b.JS = b.Dial(t)
	return b
}

// URL is where it can be reached.
func (b *Broker) URL() string { return b.url }

// Connect opens a connection to it.
func (b *Broker) Connect(name string, opts ...nats.Option) (*nats.Conn, error) {
	return natsjs.Connect(b.url, name, opts...)
}

// Start runs a server until the test ends. Files are in a directory of the test.
func Start(t testing.TB, partitions int) *Broker { return StartIn(t, t.TempDir(), partitions) }

// StartIn is [Start] with a directory of the caller's, so that a second server can find what the first one left.
func StartIn(t testing.TB, dir string, partitions int) *Broker {
	t.Helper()
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", dir
	emb, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(emb.Stop)
	topo := natsjs.DefaultTopology()
	topo.Partitions = partitions
	if topo, err = emb.Setup(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	b := &Broker{Embedded: emb, Topo: topo, url: emb.URL()}
	b.Conn, b.JS = b.Dial(t)
	return b
}

// Dial opens one more connection, closed when the test ends.
func (b *Broker) Dial(t testing.TB) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := b.Connect(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// Eventually waits until cond holds, at most ten seconds.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s still not: %s", what)
		}
	}
}
