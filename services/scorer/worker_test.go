package scorer

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/enrich"
)

// worker is a scorer in this process with a connection of its own.
type worker struct {
	*Service
	nc     *nats.Conn
	cancel context.CancelFunc
	done   chan error
}

func quickConfig() Config {
	cfg := DefaultConfig()
	cfg.LeaseTTL, cfg.HandoverWait, cfg.StopWait = 1200*time.Millisecond, 2*time.Second, 3*time.Second
	cfg.CheckpointEvery = 300 * time.Millisecond
	return cfg
}

func startWorker(t testing.TB, url string, cfg Config) *worker {
	t.Helper()
	return startWorkerWith(t, url, cfg, newEnricher(t))
}

// startWorkerWith is startWorker once its geo data is in memory.
func startWorkerWith(t testing.TB, url string, cfg Config, en *enrich.Enricher) *worker {
	t.Helper()
	w := newWorker(t, url, cfg, en, testLog())
	w.start(t)
	return w
}

// newWorker is a worker that has not been started.
func newWorker(t testing.TB, url string, cfg Config, en *enrich.Enricher, log *slog.Logger) *worker {
	t.Helper()
	nc, err := natsjs.Connect(url, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(cfg, Deps{Broker: natsjs.NewBroker(js), Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en), Log: log, Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return &worker{Service: s, nc: nc, done: make(chan error, 1)}
}

// start runs the worker until it is stopped or the test ends.
func (w *worker) start(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() { w.done <- w.Run(ctx) }()
	t.Cleanup(func() { w.stop(t) })
}

// stop ends the worker gracefully.
func (w *worker) stop(t testing.TB) {
	t.Helper()
	w.cancel()
	select {
	case err := <-w.done:
		w.done <- err
		if err != nil {
			t.Errorf("worker: %v", err)
		}
	case <-time.After(max(20*time.Second, w.cfg.StopWait+10*time.Second)):
		t.Error("worker does not stop")
	}
	w.nc.Close()
}

// kill cuts the worker off in the middle of whatever it does: nothing it may still try reaches the broker.
func (w *worker) kill() {
	w.nc.Close()
	w.cancel()
}

func (w *worker) ready(t testing.TB) {
	t.Helper()
	natstest.Eventually(t, "worker ready", func() bool { return w.Ready() == nil })
}
