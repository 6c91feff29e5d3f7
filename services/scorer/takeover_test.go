package scorer

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

func TestATakeoverThatTakesLongSaysWhatItWaitsFor(t *testing.T) {
	b := natstest.Start(t, 1)
	nc, err := natsjs.Connect(b.URL(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	log, en, cfg := new(lines), newEnricher(t), quickConfig()
	s, err := New(cfg, Deps{Broker: natsjs.NewBroker(js), Engine: newEngine(t), Enricher: en, Sections: sectionsOf(en),
		Log: slog.New(slog.NewTextHandler(log, nil)), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	for range cap(s.loading) { // as if others were being taken over
		s.loading <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	const waits = "waits for other partitions of this worker"
	natstest.Eventually(t, "not ready for a reason", func() bool { err := s.Ready(); return err != nil && strings.Contains(err.Error(), waits) })
	if strings.Contains(log.String(), "still being taken over") {
		t.Error("a takeover that has just begun is said to take long")
	}
	s.mu.Lock()
	s.owned[0].told = time.Now().Add(-slowTakeover)
	s.mu.Unlock()
	natstest.Eventually(t, "the log says it too", func() bool {
		return strings.Contains(log.String(), `msg="partition is still being taken over" partition=0 waits_for="other partitions of this worker"`)
	})
	for range cap(s.loading) {
		<-s.loading
	}
	natstest.Eventually(t, "ready", func() bool { return s.Ready() == nil })
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.owned[0].p.taking.Load(); at != nil {
		t.Errorf("a partition that works waits for %s", *at)
	}
}
