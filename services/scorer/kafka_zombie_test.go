//go:build integration

package scorer

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// A worker stands still in the midst of a transaction, as a stopped process does, and somebody else takes its partition. When it goes on, its
// commit is refused and counted; it has not heard that the partition is lost, so it begins again behind the other one. What was decided is
// what one serial run decides, every signal once.
func TestAWorkerThatStoodStillIsShutOutByApacheKafka(t *testing.T) {
	server := kafkatest.NewServer(t, t.TempDir())
	proxy := server.Proxy(t)
	server.Start(t)
	t.Cleanup(server.Kill)
	cfg := kafkatest.Config([]string{server.Addr}, 1)
	b := kafkatest.Install(t, cfg)
	evs := newWorld(31, 40).take(2000)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	publish := func(n int) {
		t.Helper()
		for i, r := range b.Publisher().PublishBatch(ctx, evs[:n]) {
			if r.Err != nil {
				t.Fatalf("event %d: %v", i, r.Err)
			}
		}
		evs = evs[n:]
	}
	judged := func() {
		t.Helper()
		end, err := b.Log(0).InputEnd(ctx)
		if err != nil {
			t.Fatal(err)
		}
		patiently(t, "all events are judged", func() bool {
			last, ok, err := b.LastRecord(ctx, 0)
			return err == nil && ok && last.Record.InputLast == end
		})
	}
	ref := foldSerially(t, evs)

	slow := cfg
	slow.Brokers = []string{proxy.Addr}
	quick := quickConfig()
	quick.CheckpointEvery = time.Hour // pages have transactions, too
	w := startKafkaWorker(t, slow, quick)
	publish(700)
	judged()
	held := proxy.HoldAt(kafkatest.EndTxn)
	publish(700)
	select {
	case <-held:
	case <-ctx.Done():
		t.Fatal("the worker ended no transaction")
	}
	other := b.Log(0)
	defer other.Close()
	if err := other.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	last, _, err := other.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fence, err := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Epoch: last.Record.Epoch + 1, Owner: "other", PrevHash: last.Hash[:],
		InputLast: last.Record.InputLast, Totals: last.Record.Totals, PublishedThrough: last.Record.PublishedThrough, WrittenMs: time.Now().UnixMilli()})
	if err == nil {
		_, err = other.Append(ctx, last.Seq, fence, broker.Outgoing{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := testutil.ToFloat64(w.metrics.fenced); got != 0 {
		t.Fatalf("counted %v before it went on", got)
	}
	proxy.Release()
	patiently(t, "the commit is refused", func() bool { return testutil.ToFloat64(w.metrics.fenced) == 1 })
	publish(600)

	got := decided(t, ctx, b, 1)
	same(t, ref, got.decisions)
	if got.doubled > 0 {
		t.Errorf("%d events were judged twice", got.doubled)
	}
	signals := storedSignals(t, ctx, b)
	for name, n := range signals {
		if n != 1 || !got.signals[name] {
			t.Errorf("signal %s is stored %d times, in the journal: %v", name, n, got.signals[name])
		}
	}
	if len(signals) != len(got.signals) || len(signals) == 0 {
		t.Errorf("%d signals are stored, %d are in the journal", len(signals), len(got.signals))
	}
	if all, committed := kafkatest.Stored(t, cfg, "journal"); len(all) <= len(committed) {
		t.Errorf("%d records are stored and %d committed: the zombie's was never there", len(all), len(committed))
	}
}
