package signaler

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 2

// flag is a challenge of a session that lives for life.
func flag(session string, revision uint64, state string, life time.Duration) *riskdv1.Signal {
	issued := time.Now().Add(-time.Hour).UnixMilli() // event time is not wall time
	return &riskdv1.Signal{ChallengeId: "ch_" + session, Revision: revision, TenantId: "acme", UserId: "u-" + session, SessionId: session,
		State: state, IssuedAtMs: issued, AtMs: issued, ExpiresAtMs: issued + life.Milliseconds(), OnExpiry: "deny"}
}

func position(sig *riskdv1.Signal, seq uint64) broker.Position {
	return broker.Position{Partition: subject.Partition(sig.TenantId, sig.UserId, partitions), Seq: seq}
}

func start(t *testing.T, b *natstest.Broker, change func(*Config)) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Slack = 0
	if change != nil {
		change(&cfg)
	}
	_, js := b.Dial(t)
	s, err := New(cfg, Deps{Broker: natsjs.NewBroker(js), Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	natstest.Eventually(t, "signaler ready", func() bool { return s.Ready() == nil })
}

func openFlags(t *testing.T, b *natstest.Broker) *natsjs.Flags {
	t.Helper()
	f, err := natsjs.OpenFlags(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func apply(t *testing.T, f *natsjs.Flags, sig *riskdv1.Signal, seq uint64) {
	t.Helper()
	if applied, err := f.Apply(t.Context(), sig, position(sig, seq)); err != nil || !applied {
		t.Fatalf("applied=%v, %v", applied, err)
	}
}

// reported reads the events of all partitions.
func reported(t *testing.T, b *natstest.Broker) []*riskdv1.Event {
	t.Helper()
	var out []*riskdv1.Event
	for p := range partitions {
		tail, err := natsjs.OpenTail(b.JS, subject.EventsStream(p), 1, natsjs.TailConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		var msgs []natsjs.Message
		for end := false; !end; {
			if msgs, end, err = tail.Drain(t.Context(), msgs, 100, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range msgs {
			ev, err := wire.Decode(wire.Envelope{ContentType: m.Header().Get(natsjs.HeaderContentType)}, m.Data)
			if err != nil {
				t.Fatalf("the reported event is refused: %v", err)
			}
			out = append(out, ev)
		}
	}
	return out
}

func TestAnUnansweredChallengeIsReportedOnceAtItsTime(t *testing.T) {
	b := natstest.Start(t, partitions)
	f := openFlags(t, b)
	start(t, b, nil)
	start(t, b, nil) // a second one reports the same and changes nothing
	began := time.Now()
	sig := flag("s1", 1, "required", 700*time.Millisecond)
	apply(t, f, sig, 5)
	answered := flag("s2", 1, "required", 700*time.Millisecond)
	apply(t, f, answered, 6)
	answered.Revision, answered.State = 2, "satisfied"
	apply(t, f, answered, 7)
	denied := flag("s3", 1, "denied", 0)
	apply(t, f, denied, 8)
	natstest.Eventually(t, "the expiry is reported", func() bool { return len(reported(t, b)) > 0 })
	if d := time.Since(began); d < 700*time.Millisecond || d > 3*time.Second {
		t.Errorf("reported after %s, want about 700 ms", d)
	}
	time.Sleep(300 * time.Millisecond)
	got := reported(t, b)
	if len(got) != 1 {
		t.Fatalf("got %d reports, want 1: %v", len(got), got)
	}
	ev := got[0]
	if ev.Id != "ch_s1:expired" || ev.Type != typeAbandoned || ev.ChallengeId != "ch_s1" || ev.TimeMs != sig.ExpiresAtMs ||
		ev.User.Id != "u-s1" || ev.Session.Id != "s1" || ev.TenantId != "acme" {
		t.Errorf("got %v", ev)
	}
}

func TestAChallengeThatRanOutWhileNobodyWatchedIsReportedAtTheStart(t *testing.T) {
	b := natstest.Start(t, partitions)
	f := openFlags(t, b)
	for i := range 50 {
		apply(t, f, flag("s"+string(rune('A'+i)), 1, "required", 200*time.Millisecond), uint64(i+1))
	}
	apply(t, f, flag("later", 1, "required", time.Hour), 99)
	time.Sleep(300 * time.Millisecond)
	start(t, b, nil)
	natstest.Eventually(t, "all that ran out are reported", func() bool { return len(reported(t, b)) == 50 })
}

func TestAReportThatChangedNothingIsRepeated(t *testing.T) {
	b := natstest.Start(t, partitions)
	f := openFlags(t, b)
	apply(t, f, flag("s1", 1, "required", 50*time.Millisecond), 1)
	start(t, b, func(c *Config) { c.RetryEvery = 100 * time.Millisecond })
	natstest.Eventually(t, "reported", func() bool { return len(reported(t, b)) == 1 })
	// Repeats have the same id: the broker drops them within its window, the engine after it.
	time.Sleep(300 * time.Millisecond)
	if got := reported(t, b); len(got) != 1 {
		t.Fatalf("got %d stored reports, want 1", len(got))
	}
}

// countingPublisher takes every report and changes nothing.
type countingPublisher struct{ reports int }

func (p *countingPublisher) PublishBatch(_ context.Context, evs []*riskdv1.Event) []broker.Result {
	p.reports += len(evs)
	return make([]broker.Result, len(evs))
}

func TestAFlagThatNobodyKnowsIsReportedEverLessOften(t *testing.T) {
	pub := new(countingPublisher)
	b := natstest.Start(t, 1)
	s, err := New(DefaultConfig(), Deps{Broker: natsjs.NewBroker(b.JS), Publisher: pub, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s.now = func() time.Time { return now }
	s.learn([]broker.Flag{{Key: "acme.s1", Signal: flag("s1", 1, "required", 15*time.Minute), Revision: 1, Created: now}})
	for end := now.Add(14 * 24 * time.Hour); now.Before(end); now = now.Add(s.untilDue()) {
		s.report(t.Context())
	}
	if pub.reports < 8 || pub.reports > 30 {
		t.Errorf("got %d reports in two weeks, want a few more than eight", pub.reports)
	}
}

func TestFlagsThatDifferFromTheSignalsAreRepaired(t *testing.T) {
	b := natstest.Start(t, partitions)
	f := openFlags(t, b)
	publish := func(sig *riskdv1.Signal, seq uint64) {
		t.Helper()
		msg, err := natsjs.SignalMsg(sig, position(sig, seq))
		if err != nil {
			t.Fatal(err)
		}
		if err := natsjs.Store(t.Context(), b.JS, msg); err != nil {
			t.Fatal(err)
		}
	}
	publish(flag("lost", 1, "required", time.Hour), 10) // its flag is gone
	publish(flag("stale", 1, "required", time.Hour), 11)
	apply(t, f, flag("stale", 1, "required", time.Hour), 11)
	publish(flag("stale", 2, "satisfied", time.Hour), 12) // and its flag was left
	publish(flag("good", 1, "required", time.Hour), 13)
	apply(t, f, flag("good", 1, "required", time.Hour), 13)
	// Two users of one session id: the one who owes comes first, the one who proved it last.
	second := flag("shared", 1, "required", time.Hour)
	second.UserId, second.ChallengeId = "u-second", "ch_second"
	publish(second, 14)
	publish(flag("shared", 1, "required", time.Hour), 15)
	apply(t, f, flag("shared", 1, "required", time.Hour), 15)
	publish(flag("shared", 2, "satisfied", time.Hour), 16)
	start(t, b, nil)
	want := map[string]bool{"lost": true, "stale": false, "good": true, "shared": true}
	natstest.Eventually(t, "flags say what the signals say", func() bool {
		for session, open := range want {
			if _, ok, err := f.Get(t.Context(), "acme", session); err != nil || ok != open {
				return false
			}
		}
		return true
	})
}
