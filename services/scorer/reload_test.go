package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/backtest"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// kept makes a keeper of policies what a scorer asks.
type kept struct{ *policylog.Keeper }

func (k kept) Current() (Engine, uint64) { return k.Keeper.Current() }

func (k kept) Wait(ctx context.Context, revision uint64) (Engine, uint64, error) {
	return k.Keeper.Wait(ctx, revision)
}

func (k kept) At(ctx context.Context, revision uint64) (Engine, error) {
	return k.Keeper.At(ctx, revision)
}

// followed is a worker that follows the broker's log of policies, with its keeper.
type followed struct {
	*worker
	keeper *policylog.Keeper
}

func startFollowing(t *testing.T, b *natstest.Broker) *followed {
	t.Helper()
	nc, err := natsjs.Connect(b.URL(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	log, err := natsjs.OpenPolicyLog(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	k, err := policylog.NewKeeper(policylog.KeeperConfig{Log: log, Baseline: baseline.Default(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(quickConfig(), Deps{Broker: natsjs.NewBroker(js), Policies: kept{k}, Enricher: newEnricher(t), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{Service: s, nc: nc, cancel: cancel, done: make(chan error, 1)}
	keeping := make(chan struct{})
	go func() { defer close(keeping); _ = k.Run(ctx) }()
	go func() { err := s.Run(ctx); <-keeping; w.done <- err }()
	return &followed{w, k}
}

// Policies are put in force, widened, and rolled back while two workers judge, one of which is cut off in the middle.
func TestAHotReloadUnderLoadLosesAndDoublesNothingAndEachDecisionNamesItsVersion(t *testing.T) {
	const partitions, events = 4, 6000
	b := natstest.Start(t, partitions)
	log, err := natsjs.OpenPolicyLog(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	book := policylog.NewBook(log)
	note := policylog.Note{Author: "ann", Reason: "test"}
	var versions []string
	for _, text := range []string{livePolicy, strings.Replace(livePolicy, "rollout: 50", "rollout: 90", 1), "id: other\ntenant: acme\nthresholds: {step_up: 35}\n"} {
		_, c, err := book.Push(t.Context(), []byte(text), note)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, c.Version)
	}
	first, second := startFollowing(t, b), startFollowing(t, b)
	defer second.stop(t)
	pub := newPublisher(t, b.Conn, partitions)
	world := newWorld(23, 60)

	steps := []func() (*policylog.Change, error){
		func() (*policylog.Change, error) { return book.Activate(t.Context(), "", versions[0], 100, note) },
		func() (*policylog.Change, error) { return book.Activate(t.Context(), "acme", versions[2], 30, note) },
		func() (*policylog.Change, error) { return book.Activate(t.Context(), "", versions[1], 100, note) },
		func() (*policylog.Change, error) { return book.Rollback(t.Context(), "acme", note) },
		func() (*policylog.Change, error) { return book.Rollback(t.Context(), "", note) },
	}
	part := events / (len(steps) + 1)
	for i := range len(steps) + 1 {
		publishAll(t, pub, world.take(part))
		if i == len(steps) {
			break
		}
		if _, err := steps[i](); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			natstest.Eventually(t, "both have judged", func() bool { return accepted(t, b.JS, partitions) > uint64(2*part) })
			first.kill()
			<-first.done
		}
		time.Sleep(50 * time.Millisecond) // some of the load is judged by each
	}
	waitAccepted(t, b.JS, partitions, uint64(part*(len(steps)+1)-world.dups))
	led := readLedger(t, b.JS, partitions) // every chain; no input left out or taken twice

	revisions := revisionsOf(t, b, partitions)
	if len(revisions) < 4 {
		t.Errorf("only revisions %v judged anything", revisions)
	}
	allowed := map[string]bool{}
	for r := range revisions {
		e, err := second.keeper.At(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range e.Versions() {
			allowed[v] = true
		}
	}
	for id, d := range led.decisions {
		if !allowed[d.Policy] {
			t.Fatalf("event %s was judged by %s, which was never in force", id, d.Policy)
		}
	}

	// The same engines give the same decisions again, across every swap.
	start, _ := second.keeper.At(t.Context(), 0)
	at := func(revision uint64) (backtest.Engine, error) { return second.keeper.At(t.Context(), revision) }
	report, err := backtest.Run(t.Context(), backtest.Config{Live: start, LiveAt: at, New: start, Workers: 3}, backtest.Journal(b.JS, nil))
	if err != nil {
		t.Fatal(err)
	}
	if report.Recorded != len(led.decisions) || report.Same != report.Recorded {
		t.Errorf("%d of %d decisions came again (the journal holds %d):\n%s", report.Same, report.Recorded, len(led.decisions), report.FirstDiffer)
	}

	// A third worker rebuilds all state from the journal and comes to the profiles that the second one has.
	second.stop(t)
	third := startFollowing(t, b)
	defer third.stop(t)
	third.ready(t)
	more := world.take(300)
	publishAll(t, pub, more)
	waitAccepted(t, b.JS, partitions, uint64(part*(len(steps)+1)+len(more)-world.dups))
	report, err = backtest.Run(t.Context(), backtest.Config{Live: start, LiveAt: at, New: start}, backtest.Journal(b.JS, nil))
	if err != nil {
		t.Fatal(err)
	}
	if report.Same != report.Recorded {
		t.Errorf("after a restart %d of %d decisions came again:\n%s", report.Same, report.Recorded, report.FirstDiffer)
	}
}

// revisionsOf counts the records that each revision judged, and checks that no partition goes back.
func revisionsOf(t *testing.T, b *natstest.Broker, partitions int) map[uint64]int {
	t.Helper()
	out := map[uint64]int{}
	r := natsjs.NewJournalReader(b.JS)
	defer r.Close()
	for p := range partitions {
		last, ok, err := natsjs.LastRecord(t.Context(), b.JS, p)
		if err != nil || !ok {
			t.Fatal(fmt.Errorf("partition %d: %v, %w", p, ok, err))
		}
		before := uint64(0)
		for at := uint64(0); at < last.Seq; {
			recs, err := r.Next(t.Context(), p, at, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range recs {
				at = s.Seq
				if s.Record.Policies < before {
					t.Errorf("partition %d seq %d was judged by revision %d after %d", p, s.Seq, s.Record.Policies, before)
				}
				before = s.Record.Policies
				if s.Record.Kind == riskdv1.JournalRecord_KIND_BATCH {
					out[before]++
				}
			}
		}
	}
	return out
}
