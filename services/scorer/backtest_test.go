package scorer

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/backtest"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
)

const livePolicy = `
id: live
rules:
  - {name: thief_watch, when: network.kind == "hosting" && !profile.network_known, then: notify}
  - {name: busy, when: profile.actions_10m + event.count > 3 && session.proof_age > 600, then: {step_up: {max_age: 10m}}, rollout: 50}
  - {name: tried, when: session.country_changed || "device" in unknown, then: deny, mode: shadow}
`

func enginesOf(t *testing.T, text string) *rules.Engine {
	t.Helper()
	f, err := rules.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.NewEngine([]*rules.File{f}, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// startWith starts a worker that judges by engine.
func startWith(t *testing.T, b *natstest.Broker, engine Engine, sections ...func(int) []Section) *worker {
	t.Helper()
	nc, err := natsjs.Connect(b.URL(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	deps := Deps{Broker: natsjs.NewBroker(js), Engine: engine, Enricher: newEnricher(t), Log: testLog(), Registry: prometheus.NewRegistry()}
	for _, f := range sections {
		deps.Sections = f
	}
	s, err := New(quickConfig(), deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{Service: s, nc: nc, cancel: cancel, done: make(chan error, 1)}
	go func() { w.done <- s.Run(ctx) }()
	return w
}

// Workers with a new policy take over, under load, from one with the old, which is cut off.
func TestAPolicyChangeUnderLoadLosesAndDoublesNothing(t *testing.T) {
	b := natstest.Start(t, 4)
	before, after := enginesOf(t, "id: before"), enginesOf(t, livePolicy)
	world := newWorld(11, 40)
	pub := newPublisher(t, b.Conn, 4)
	first := startWith(t, b, before)
	publishAll(t, pub, world.take(1500))
	natstest.Eventually(t, "some events judged", func() bool { return accepted(t, b.JS, 4) > 300 })
	first.kill() // in the middle of its work, most likely
	<-first.done
	second := startWith(t, b, after)
	defer second.stop(t)
	publishAll(t, pub, world.take(1500))
	waitAccepted(t, b.JS, 4, uint64(3000-world.dups))
	versions := map[string]int{}
	led := readLedger(t, b.JS, 4) // checks every chain, and that no input was left out or taken twice
	for id, d := range led.decisions {
		versions[d.Policy]++
		for _, s := range d.Signals {
			if !strings.HasSuffix(d.Policy, s.Policy.GetVersion()) {
				t.Errorf("event %s: the signal names %s, its decision %s", id, s.Policy.GetVersion(), d.Policy)
			}
		}
	}
	old, now := versions[before.Versions()[0]], versions[after.Versions()[0]]
	if old == 0 || now == 0 || len(versions) != 2 {
		t.Errorf("decisions by version: %v, want some of each policy and of no other", versions)
	}
}

// The journal of workers that judged by a policy with rules, one of which was cut off on the way, is played again.
func TestABacktestOfTheLivePolicyGivesItsDecisionsByteForByte(t *testing.T) {
	const events = 3000
	b := natstest.Start(t, 4)
	live := enginesOf(t, livePolicy)
	world := newWorld(7, 40)
	pub := newPublisher(t, b.Conn, 4)
	first := startWith(t, b, live)
	publishAll(t, pub, world.take(events/2))
	first.kill()
	<-first.done
	second := startWith(t, b, live)
	defer second.stop(t)
	publishAll(t, pub, world.take(events/2))
	waitAccepted(t, b.JS, 4, uint64(events-world.dups))
	led := readLedger(t, b.JS, 4)

	run := func(cfg backtest.Config) *backtest.Report {
		t.Helper()
		r, err := backtest.Run(t.Context(), cfg, backtest.Journal(b.JS, func(n uint64) { t.Errorf("%d records are gone", n) }))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	same := run(backtest.Config{Live: live, New: live, Workers: 3})
	if same.Recorded == 0 || same.Recorded != len(led.decisions) || same.Same != same.Recorded {
		t.Fatalf("%d of %d recorded decisions came again (the journal holds %d):\n%s", same.Same, same.Recorded, len(led.decisions), same.FirstDiffer)
	}
	if same.Prompts[0] == 0 || same.Prompts[0] != same.Prompts[1] || same.CountNewly+same.CountNoLonger+same.Assumed+len(same.Changed) != 0 {
		t.Errorf("a policy differs from itself: %+v", same)
	}
	for _, rule := range []string{"thief_watch", "busy"} {
		if c := same.Rules[rule]; c == nil || c.Hits[0] == 0 {
			t.Errorf("rule %s never applied: %+v", rule, c)
		}
	}
	if c := same.Rules["busy"]; c != nil && c.Shadow[0] == 0 {
		t.Error("a rule rolled out to half of the users was in shadow for none")
	}

	// A new policy, and the same answer however the users are spread.
	next := enginesOf(t, "id: next\nthresholds: {step_up: 30}\nrules: [{name: no_hosting, when: network.kind == \"hosting\", then: deny}]")
	one, four := run(backtest.Config{Live: live, New: next, Workers: 1}), run(backtest.Config{Live: live, New: next, Workers: 4})
	if one.Prompts != four.Prompts || one.CountNewly != four.CountNewly || one.CountNoLonger != four.CountNoLonger || one.Assumed != four.Assumed || one.UserWeeks != four.UserWeeks {
		t.Errorf("with 1 worker %+v\nwith 4 workers %+v", one, four)
	}
	if c := one.Rules["no_hosting"]; c == nil || c.Denials[1] == 0 || c.Denials[0] != 0 {
		t.Errorf("the new policy's denial did nothing: %+v", c)
	}
	if one.Same != one.Recorded {
		t.Errorf("the new policy changed what the live one gives: %d of %d", one.Same, one.Recorded)
	}
	// Judged by another policy than the record names, nothing can be compared.
	other := run(backtest.Config{Live: next, New: next})
	if other.Same+other.Differ != 0 || len(other.OtherVersions) != 1 {
		t.Errorf("decisions of another version were compared: %+v", other)
	}
}
