package scorer

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

func TestATakeoverThatTakesLongSaysWhatItWaitsFor(t *testing.T) {
	b := natstest.Start(t, 1)
	log := new(lines)
	w := newWorker(t, b.URL(), quickConfig(), newEnricher(t), slog.New(slog.NewTextHandler(log, nil)))
	for range cap(w.loading) { // as if others were being taken over
		w.loading <- struct{}{}
	}
	w.start(t)
	const waits = "waits for other partitions of this worker"
	natstest.Eventually(t, "not ready for a reason", func() bool { err := w.Ready(); return err != nil && strings.Contains(err.Error(), waits) })
	if strings.Contains(log.String(), "still being taken over") {
		t.Error("a takeover that has just begun is said to take long")
	}
	w.mu.Lock()
	w.owned[0].told = time.Now().Add(-slowTakeover)
	w.mu.Unlock()
	natstest.Eventually(t, "the log says it too", func() bool {
		return strings.Contains(log.String(), `msg="partition is still being taken over" partition=0 waits_for="other partitions of this worker"`)
	})
	for range cap(w.loading) {
		<-w.loading
	}
	natstest.Eventually(t, "ready", func() bool { return w.Ready() == nil })
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := w.owned[0].p.taking.Load(); at != nil {
		t.Errorf("a partition that works waits for %s", *at)
	}
}
