//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// tally counts what a check finds wrong, and reports it.
type tally struct {
	testing.TB
	wrong int
}

func (y *tally) Errorf(format string, args ...any) {
	y.TB.Helper()
	if y.wrong++; y.wrong <= 10 {
		y.TB.Errorf(format, args...)
	}
}

func (y *tally) Error(args ...any) { y.Errorf("%s", fmt.Sprint(args...)) }

func setting(t *testing.T, name string, fallback int) int {
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestChaos is `make chaos`. CHAOS_FAULTS (default 25) and CHAOS_SEED (default 1) are its settings.
func TestChaos(t *testing.T) {
	count, seed := setting(t, "CHAOS_FAULTS", 25), uint64(setting(t, "CHAOS_SEED", 1))
	rng := rand.New(rand.NewPCG(seed, 4))
	patience = 5 * time.Minute // reached only when something is lost: machines are slow, and may be suspended
	in := build(t)
	defer in.keepTraces() // while the processes are there
	js := in.js()
	pub, err := natsjs.NewPublisher(in.connectApp(t).Conn, chaosPartitions, natsjs.PublisherConfig{AckWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	evs, halt := publishSteadily(t, pub, seed)

	kills := 0
	kinds := map[string]int{}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4) // faults at a time
	for i := range count {
		f := faults[rng.IntN(len(faults))]
		if i < len(faults) { // each kind at least once
			f = faults[i]
		}
		own := rand.New(rand.NewPCG(seed, uint64(i)))
		kills += f.kills
		kinds[f.name]++
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f.do(in, own)
		})
		time.Sleep(between(rng, 300*time.Millisecond, 1200*time.Millisecond))
	}
	wg.Wait()
	halt()
	t.Logf("%d faults in %s: %v", count, time.Since(began).Round(time.Second), kinds)

	for i := range in.nodes {
		in.healthy(&in.nodes[i], 30*time.Second)
	}
	waitDrained(t, js, chaosPartitions)
	chain := &tally{TB: t}
	looked := readLedger(chain, js, chaosPartitions).looked
	state := &tally{TB: t}
	ref := foldAsJournaled(t, *evs, looked)
	l := checkAgainst(state, js, chaosPartitions, ref)
	signals := &tally{TB: t}
	checkSignals(signals, js, l, time.Since(began))
	rows := &tally{TB: t}
	in.checkClickHouse(rows, l)
	in.alive()
	lost := 0
	for id := range ref.decisions {
		if l.decisions[id] == nil {
			lost++
		}
	}
	t.Logf("%d fences, %d signals, %d of the engine's duplicates", l.fences, len(l.signals), l.counts.duplicate)
	ok := !t.Failed() && signals.wrong == 0 && rows.wrong == 0
	line := fmt.Sprintf("chaos: kills=%d faults=%d events=%d lost=%d doubled=%d state_equal=%t chain_ok=%t ok=%t",
		kills, count, len(*evs), lost, l.twice, state.wrong == 0, chain.wrong == 0, ok)
	report(t, line)
}

// againstSerial waits until all events of a flow are decided and compares them with one serial run.
func (in *installation) againstSerial(evs []*riskdv1.Event) (got outcome, equal bool) {
	ctx, cancel := context.WithTimeout(in.t.Context(), 2*time.Minute)
	defer cancel()
	got = decided(in.t, ctx, natsjs.NewBroker(in.js()), chaosPartitions)
	same(in.t, foldSerially(in.t, evs), got.decisions)
	in.t.Logf("stood still longest: %s", got.where)
	return got, !in.t.Failed()
}

// report is the last line of a chaos test: in the file that RISKD_CHAOS names for whoever runs it from a script.
func report(t *testing.T, line string) {
	t.Log(line)
	if path := os.Getenv("RISKD_CHAOS"); path != "" {
		if err := os.WriteFile(path, []byte(line+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// publishSteadily sends a few thousand events a second where it can, each kept until it is stored, until halt is called; evs are all of them in the order sent.
func publishSteadily(t *testing.T, pub *natsjs.Publisher, seed uint64) (evs *[]*riskdv1.Event, halt func()) {
	evs = new([]*riskdv1.Event)
	world := newWorld(seed, 3000)
	world.crowded = true
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			chunk := world.take(250)
			*evs = append(*evs, chunk...)
			for i, r := range pub.PublishBatch(t.Context(), chunk) {
				if r.Err != nil {
					t.Errorf("event %s was not stored: %v", chunk[i].Id, r.Err)
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return evs, func() { close(stop); <-done }
}

// checkClickHouse waits for the sink and compares rows and the sums of the views with the ledger.
func (in *installation) checkClickHouse(t testing.TB, l *ledger) {
	opt, err := clickhouse.ParseDSN(in.engine.DSN())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var risk float64
	for _, d := range l.decisions {
		risk += d.Risk
	}
	want := [6]uint64{l.counts.accepted, l.counts.scored, l.counts.scored, uint64(len(l.signals)), l.counts.scored, uint64(len(l.decisions))}
	var got [6]uint64
	var sum float64
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		err = conn.QueryRow(t.Context(), `SELECT (SELECT sum(accepted) FROM (SELECT scored + duplicate + late + dead AS accepted FROM ledger)),
			(SELECT count() FROM events), (SELECT count() FROM features), (SELECT count() FROM signals),
			(SELECT sum(n) FROM activity_5m), (SELECT uniqExact(event_id) FROM features), (SELECT sum(risk_sum) FROM activity_5m)`).
			Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5], &sum)
		if err == nil && got == want || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("reading ClickHouse: %v", err)
	}
	if got != want {
		t.Errorf("ClickHouse has accepted, events, features, signals, activity, event ids = %v, want %v", got, want)
	}
	if d := sum - risk; d > 1e-3 || d < -1e-3 {
		t.Errorf("the view's sum of risks is %f, want %f", sum, risk)
	}
	if err == nil && enginetest.CheckViews(t, conn) < 10 {
		t.Error("hardly any view was compared")
	}
}
