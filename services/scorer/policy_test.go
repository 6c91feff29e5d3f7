package scorer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// A worker dies with events judged since its last checkpoint, and the next one has another policy: it judges them again
// to rebuild the profiles, and comes to other conclusions. The flags that are out must stay the ones that the state knows.
func TestAFlagThatIsOutCanBeAnsweredAfterAChangeOfPolicy(t *testing.T) {
	b := natstest.Start(t, 1)
	cfg := quickConfig()
	cfg.Worker, cfg.CheckpointEvery = "same", time.Hour // all is judged again
	pub := newPublisher(t, b.Conn, 1)
	base := time.Now().Add(-30 * 24 * time.Hour)
	n := 0
	event := func(at time.Duration, session string, geo *riskdv1.Geo) *riskdv1.Event {
		n++
		return &riskdv1.Event{Id: fmt.Sprintf("e%d", n), Source: "//test", Type: "dev.riskd.activity.v1", TimeMs: base.Add(at).UnixMilli(),
			TenantId: "acme", User: &riskdv1.User{Id: "ann"}, Session: &riskdv1.Session{Id: session}, Action: "auth.login", Outcome: "success",
			Network: &riskdv1.Network{Geo: geo, Asn: 64500, Kind: "residential"}}
	}
	var evs []*riskdv1.Event
	for day := range 20 {
		evs = append(evs, event(time.Duration(day)*24*time.Hour, fmt.Sprintf("s%d", day), london))
	}
	thief := event(19*24*time.Hour+10*time.Minute, "thief", tokyo)
	evs = append(evs, thief)
	id := subject.ChallengeID("acme", "thief", "//test", thief.Id)

	w := startWorker(t, b.URL(), cfg)
	w.ready(t)
	publishAll(t, pub, evs)
	flags, err := natsjs.OpenFlags(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	flag := func() *riskdv1.Signal {
		f, _, err := flags.Get(t.Context(), "acme", "thief")
		if err != nil {
			t.Fatal(err)
		}
		return f.Signal
	}
	natstest.Eventually(t, "the thief is flagged", func() bool { f := flag(); return f != nil && f.ChallengeId == id })
	w.kill()

	lenient, err := policy.Parse([]byte(`{"id":"lenient","thresholds":{"step_up":100,"severe":100}}`))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := risk.New(lenient, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	nc, js := b.Dial(t)
	next, err := New(cfg, Deps{Broker: natsjs.NewBroker(js), Engine: engine, Enricher: newEnricher(t), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	second := &worker{Service: next, nc: nc, cancel: cancel, done: make(chan error, 1)}
	go func() { second.done <- next.Run(ctx) }()
	t.Cleanup(func() { second.stop(t) })
	second.ready(t)
	done := event(19*24*time.Hour+12*time.Minute, "thief", tokyo)
	done.Type, done.Action, done.ChallengeId = "dev.riskd.stepup.completed.v1", "stepup.completed", id
	done.Session = &riskdv1.Session{Id: "thief", Acr: "aal2", Amr: []string{"pwd", "otp"}, AuthTimeMs: done.TimeMs}
	publishAll(t, pub, []*riskdv1.Event{done})
	waitAccepted(t, b.JS, 1, uint64(len(evs)+1))
	natstest.Eventually(t, "the answer clears the flag", func() bool { return flag() == nil })
}
