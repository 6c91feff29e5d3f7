package natsjs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestFlagsOnlyMoveForward(t *testing.T) {
	b := natstest.Start(t, 2)
	ctx := t.Context()
	f, err := natsjs.OpenFlags(ctx, b.JS)
	if err != nil {
		t.Fatal(err)
	}
	sig := func(ch string, rev uint64, state string) *riskdv1.Signal {
		return &riskdv1.Signal{ChallengeId: ch, Revision: rev, TenantId: "acme", SessionId: "s 1", UserId: "u1", State: state,
			IssuedAtMs: 1000, ExpiresAtMs: 1000 + 15*60*1000}
	}
	other := sig("ch_x", 1, "satisfied")
	other.UserId = "u2"
	steps := []struct {
		name  string
		sig   *riskdv1.Signal
		pos   broker.Position
		apply bool
		want  string // challenge:revision in the bucket, "" is clear
	}{
		{"clearing a session nobody flagged writes nothing", sig("ch_0", 1, "satisfied"), broker.Position{Partition: 1, Seq: 5}, false, ""},
		{"the first flag", sig("ch_a", 1, "required"), broker.Position{Partition: 1, Seq: 10}, true, "ch_a:1"},
		{"the same again", sig("ch_a", 1, "required"), broker.Position{Partition: 1, Seq: 10}, false, "ch_a:1"},
		{"a refused proof", sig("ch_a", 2, "required"), broker.Position{Partition: 1, Seq: 11}, true, "ch_a:2"},
		{"a worker that woke up late", sig("ch_a", 1, "required"), broker.Position{Partition: 1, Seq: 10}, false, "ch_a:2"},
		{"another user of the same session id cannot clear it", other, broker.Position{Partition: 0, Seq: 99}, false, "ch_a:2"},
		{"satisfied", sig("ch_a", 3, "satisfied"), broker.Position{Partition: 1, Seq: 12}, true, ""},
		{"late again, after the flag is gone", sig("ch_a", 2, "required"), broker.Position{Partition: 1, Seq: 11}, false, ""},
		{"the next challenge", sig("ch_b", 1, "required"), broker.Position{Partition: 1, Seq: 20}, true, "ch_b:1"},
		{"an older challenge", sig("ch_a", 9, "denied"), broker.Position{Partition: 1, Seq: 12}, false, "ch_b:1"},
		{"denied stays flagged", sig("ch_b", 2, "denied"), broker.Position{Partition: 1, Seq: 21}, true, "ch_b:2"},
	}
	for _, st := range steps {
		applied, err := f.Apply(ctx, st.sig, st.pos)
		if err != nil || applied != st.apply {
			t.Fatalf("%s: got applied=%v, %v, want %v", st.name, applied, err, st.apply)
		}
		flag, ok, err := f.Get(ctx, "acme", "s 1")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if ok {
			got = fmt.Sprintf("%s:%d", flag.Signal.ChallengeId, flag.Signal.Revision)
		}
		if got != st.want {
			t.Fatalf("%s: got %q, want %q", st.name, got, st.want)
		}
	}
	// Any NATS client sees the same through the bucket.
	kv, err := b.JS.KeyValue(ctx, subject.StepUpBucket)
	if err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(ctx, subject.Key("acme", "s 1"))
	if err != nil {
		t.Fatal(err)
	}
	var got riskdv1.Signal
	if err := got.UnmarshalVT(e.Value()); err != nil || got.State != "denied" {
		t.Fatalf("got %v, %v", &got, err)
	}
}

func TestWhatOneUserProvesDoesNotClearAnotherOfTheSameSessionID(t *testing.T) {
	b := natstest.Start(t, 2)
	ctx := t.Context()
	f, err := natsjs.OpenFlags(ctx, b.JS)
	if err != nil {
		t.Fatal(err)
	}
	sig := func(user string, rev uint64, state string) *riskdv1.Signal {
		return &riskdv1.Signal{ChallengeId: "ch_" + user, Revision: rev, TenantId: "acme", SessionId: "4711", UserId: user, State: state,
			IssuedAtMs: 1000, ExpiresAtMs: 1000 + 15*60*1000, OnExpiry: "deny"}
	}
	demand := sig("cid", 1, "required")
	demand.Scope = &riskdv1.Scope{Sensitivity: "restricted"}
	steps := []struct {
		name  string
		sig   *riskdv1.Signal
		seq   uint64
		apply bool
		want  string // state and user that whoever reads only the entry sees
	}{
		{"ann is asked", sig("ann", 1, "required"), 10, true, "required ann"},
		{"bob is asked too", sig("bob", 1, "required"), 7, true, "required ann"},
		{"cid is asked for payroll only", demand, 8, true, "required ann"},
		{"bob once more, by a worker that woke up late", sig("bob", 1, "required"), 7, false, "required ann"},
		{"ann proves it: bob still owes", sig("ann", 2, "satisfied"), 11, true, "required bob"},
		{"ann's first flag, late", sig("ann", 1, "required"), 10, false, "required bob"},
		{"cid is denied, which is stricter", sig("cid", 2, "denied"), 9, true, "denied cid"},
		{"bob proves it", sig("bob", 2, "satisfied"), 12, true, "denied cid"},
		{"an analyst lets cid go", sig("cid", 3, "cancelled"), 13, true, ""},
		{"dan, who owes nothing", sig("dan", 1, "satisfied"), 1, false, ""},
	}
	for _, st := range steps {
		pos := broker.Position{Partition: subject.Partition("acme", st.sig.UserId, 2), Seq: st.seq}
		applied, err := f.Apply(ctx, st.sig, pos)
		if err != nil || applied != st.apply {
			t.Fatalf("%s: got applied=%v, %v, want %v", st.name, applied, err, st.apply)
		}
		flag, ok, err := f.Get(ctx, "acme", "4711")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if ok {
			got = flag.Signal.State + " " + flag.Signal.UserId
		}
		if got != st.want {
			t.Fatalf("%s: got %q, want %q", st.name, got, st.want)
		}
	}
	for i := range 3 * 8 { // an id that everybody shares
		if _, err := f.Apply(ctx, sig(fmt.Sprintf("u%d", i), 1, "required"), broker.Position{Seq: uint64(20 + i)}); err != nil {
			t.Fatal(err)
		}
	}
	if flag, _, err := f.Get(ctx, "acme", "4711"); err != nil || len(flag.Signal.Also) > 7 {
		t.Errorf("got %d others, %v: want at most 7", len(flag.Signal.GetAlso()), err)
	}
}

func TestAFlagLeavesByItself(t *testing.T) {
	b := natstest.Start(t, 1)
	msg := nats.NewMsg("$KV.stepup.acme.s")
	msg.Header.Set(jetstream.MsgTTLHeader, "1s")
	msg.Header.Set("Riskd-Challenge", "ch_a")
	if err := natsjs.Store(t.Context(), b.JS, msg); err != nil {
		t.Fatal(err)
	}
	f, err := natsjs.OpenFlags(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := f.Get(t.Context(), "acme", "s"); !ok || err != nil {
		t.Fatalf("got ok=%v, %v", ok, err)
	}
	natstest.Eventually(t, "flag gone", func() bool {
		_, ok, err := f.Get(t.Context(), "acme", "s")
		return err == nil && !ok
	})
}

func TestAFlagThatBindsOutlivesItsTime(t *testing.T) {
	sig := &riskdv1.Signal{State: "required", IssuedAtMs: 1000, ExpiresAtMs: 1000 + 15*60*1000, OnExpiry: "deny"}
	if got := broker.FlagTTL(sig); got < 7*24*time.Hour {
		t.Errorf("required, deny on expiry: got %s; it would become clear while the workers are away", got)
	}
	sig.OnExpiry = "allow"
	if got, want := broker.FlagTTL(sig), 15*time.Minute+broker.FlagGrace; got != want {
		t.Errorf("required, allow on expiry: got %s, want %s", got, want)
	}
	sig.State, sig.OnExpiry = "denied", "deny"
	if got := broker.FlagTTL(sig); got != broker.BindingTTL {
		t.Errorf("denied: got %s, want %s", got, broker.BindingTTL)
	}
}

func TestWhatNobodyOfRiskdWroteDoesNotKeepAFlagOut(t *testing.T) {
	b := natstest.Start(t, 1)
	msg := nats.NewMsg("$KV.stepup.acme.s")
	msg.Data = []byte{0xff, 0xff, 0xff}
	if err := natsjs.Store(t.Context(), b.JS, msg); err != nil {
		t.Fatal(err)
	}
	f, err := natsjs.OpenFlags(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	sig := &riskdv1.Signal{ChallengeId: "ch_a", Revision: 1, TenantId: "acme", SessionId: "s", UserId: "u", State: "required", OnExpiry: "deny"}
	if applied, err := f.Apply(t.Context(), sig, broker.Position{Seq: 1}); err != nil || !applied {
		t.Fatalf("got applied=%v, %v", applied, err)
	}
}
