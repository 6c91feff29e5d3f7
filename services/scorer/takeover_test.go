package scorer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
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

func TestAnOwnerThatWakesUpLateIsRefused(t *testing.T) {
	b := natstest.Start(t, 1)
	cfg := quickConfig()
	owner := func() *partition {
		w := startWorker(t, b.URL(), cfg)
		w.cancel() // no coordination: this test decides who owns
		<-w.done
		w.done <- nil
		s := w.Service
		if err := s.open(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		p := &partition{s: s, n: 0, log: s.deps.Broker.Log(0), st: newStore(), ck: checkpoint{results: make(chan pageResult, pageCount+1)}, fx: newEffects(ctx, s, 0)}
		t.Cleanup(func() { cancel(); p.fx.finish() })
		if err := p.takeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.tail.Close)
		return p
	}
	w := newWorld(3, 5)
	var evs []*riskdv1.Event
	for range 20 {
		ev := proto.CloneOf(w.next())
		ev.Id = fmt.Sprint(len(evs)) // the broker keeps each
		evs = append(evs, ev)
	}
	publishAll(t, newPublisher(t, b.Conn, 1), evs)
	old := owner()
	msgs, err := old.take(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	msgs = slices.Clone(msgs)
	next := owner()
	if err := old.commit(t.Context(), msgs); !errors.Is(err, errFenced) {
		t.Fatalf("the old owner's append: got %v, want errFenced", err)
	}
	if old.at.epoch+1 != next.at.epoch {
		t.Fatalf("got epochs %d and %d", old.at.epoch, next.at.epoch)
	}
	for next.at.totals.accepted < 20 {
		got, err := next.take(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.commit(t.Context(), got); err != nil {
			t.Fatal(err)
		}
	}
	l := readLedger(t, b.JS, 1)
	if got := int(l.counts.accepted); got != 20 {
		t.Fatalf("got %d events, want 20", got)
	}
	// A page that the old owner still writes must not undo what the new one wrote.
	next.finishCheckpointForTest(t)
	raw := old.st.pages[0].snapshot(nil, old.at.seq)
	if _, err := old.s.writePage(t.Context(), pageJob{log: old.log, partition: 0, page: 0, seq: old.at.seq, raw: raw}); next.st.pages[0].rev != 0 && !errors.Is(err, errFenced) {
		t.Fatalf("the old owner's page: got %v, want errFenced", err)
	}
	if _, err := old.s.writePage(t.Context(), pageJob{log: old.log, partition: 0, page: manifestPage, seq: old.at.seq}); !errors.Is(err, errFenced) {
		t.Fatalf("the old owner's manifest: got %v, want errFenced", err)
	}
}

// finishCheckpointForTest runs a checkpoint to its end with a writer of its own.
func (p *partition) finishCheckpointForTest(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	done := make(chan struct{})
	go func() { defer close(done); p.s.writePages(ctx) }()
	p.finishCheckpoint(ctx)
	cancel()
	<-done
	if p.ck.through != p.at.seq {
		t.Fatalf("checkpoint ends at %d, want %d", p.ck.through, p.at.seq)
	}
}
