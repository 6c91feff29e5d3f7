package natsjs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*Server).updateServerResourcesAndStats"))
}

func login(user, id string) *riskdv1.Event {
	return &riskdv1.Event{Id: id, Source: "//test", Type: "dev.riskd.activity.v1", TimeMs: 1_700_000_000_000, TenantId: "acme",
		User: &riskdv1.User{Id: user}, Action: "auth.login", Outcome: "success"}
}

func TestTheServersMappingAgreesWithSubjectPartition(t *testing.T) {
	const partitions = 7
	b := natstest.Start(t, partitions)
	users := []string{"", "u1", "alice@example.com", "a.b.c", "Ünïcödé", "with space", "*", ">", strings.Repeat("x", 80)}
	for i := range 60 {
		users = append(users, "user-"+strconv.Itoa(i))
	}
	for _, tenant := range []string{"acme", "big corp"} {
		for _, user := range users {
			ack, err := b.JS.Publish(t.Context(), subject.PlainEvent(tenant, user), []byte("x"))
			if err != nil {
				t.Fatalf("publishing for %q/%q: %v", tenant, user, err)
			}
			p := subject.Partition(tenant, user, partitions)
			if got, want := ack.Stream, subject.EventsStream(p); got != want {
				t.Errorf("%q/%q: server stored in %s, want %s", tenant, user, got, want)
			}
			s, err := b.JS.Stream(t.Context(), ack.Stream)
			if err != nil {
				t.Fatal(err)
			}
			m, err := s.GetMsg(t.Context(), ack.Sequence)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := m.Subject, subject.Event(p, tenant, user); got != want {
				t.Errorf("got subject %s, want %s", got, want)
			}
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = l.Addr().String(), t.TempDir()
	_, err = natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
	var taken *natsjs.PortTakenError
	if !errors.As(err, &taken) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v, want PortTakenError", err)
	}
	for _, want := range []string{l.Addr().String(), "-nats-listen", "-nats-url"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestADirectoryIsServedOnce(t *testing.T) {
	dir := t.TempDir()
	natstest.StartIn(t, dir, 1)
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", dir
	if _, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, natsjs.ErrDirInUse) {
		t.Fatalf("got %v, want ErrDirInUse", err)
	}
}

func TestThePartitionCountIsKeptAndChecked(t *testing.T) {
	b := natstest.Start(t, 3)
	topo := natsjs.DefaultTopology()
	got, err := natsjs.Ensure(t.Context(), b.JS, topo)
	if err != nil || got.Partitions != 3 {
		t.Fatalf("got %d partitions and %v, want the installation's 3", got.Partitions, err)
	}
	topo.Partitions = 4
	_, err = natsjs.Ensure(t.Context(), b.JS, topo)
	var bad *natsjs.PartitionsError
	if !errors.As(err, &bad) || bad.Have != 3 || bad.Want != 4 {
		t.Fatalf("got %v, want PartitionsError 3/4", err)
	}
}

func TestTwoSetUpsAtOnceAgree(t *testing.T) {
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", t.TempDir()
	emb, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer emb.Stop()
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			topo := natsjs.DefaultTopology()
			topo.Partitions = 5
			if i%2 == 1 {
				topo.Partitions = 6
			}
			_, errs[i] = emb.Setup(context.Background(), topo)
		})
	}
	wg.Wait()
	var good int
	for _, err := range errs {
		var bad *natsjs.PartitionsError
		if err == nil {
			good++
		} else if !errors.As(err, &bad) {
			t.Error(err)
		}
	}
	if good != 2 {
		t.Fatalf("%d set-ups succeeded, want the 2 that agree: %v", good, errs)
	}
}

func openTail(t testing.TB, js jetstream.JetStream, stream string, from uint64, cfg natsjs.TailConfig) *natsjs.Tail {
	t.Helper()
	tail, err := natsjs.OpenTail(js, stream, from, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tail.Close)
	return tail
}

func TestATailGoesOnAfterTheServerWasAway(t *testing.T) {
	dir := t.TempDir()
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = "127.0.0.1:0", dir
	start := func() *natsjs.Embedded {
		emb, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return emb
	}
	emb := start()
	cfg.Listen = emb.Addr().String()
	topo := natsjs.DefaultTopology()
	topo.Partitions = 1
	if _, err := emb.Setup(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	nc, err := emb.Connect("t")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	pub, err := natsjs.NewPublisher(nc, 1, natsjs.PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tail := openTail(t, js, subject.EventsStream(0), 1, natsjs.TailConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 3 {
		if _, err := pub.Publish(ctx, login("u", strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		got, err := tail.Take(ctx, nil, 10, 1<<20)
		if err != nil || len(got) != 1 || got[0].Seq != uint64(i+1) {
			t.Fatalf("round %d: got %v, %v", i, got, err)
		}
		emb.Stop()
		emb = start()
		if err := emb.MapEvents(1); err != nil {
			t.Fatal(err)
		}
	}
	emb.Stop()
}

func TestJournalAppendsAreGuardedAndReadBack(t *testing.T) {
	b := natstest.Start(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, ok, err := natsjs.LastRecord(ctx, b.JS, 1); ok || err != nil {
		t.Fatalf("an empty journal: got ok=%v, %v", ok, err)
	}
	r := natsjs.NewJournalReader(b.JS)
	defer r.Close()
	var prev []byte
	var last uint64
	appendOne := func() {
		t.Helper()
		data, err := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: 1, Epoch: last + 1, PrevHash: prev})
		if err != nil {
			t.Fatal(err)
		}
		seq, err := natsjs.AppendRecord(ctx, b.JS, 1, last, data)
		if err != nil || seq != last+1 {
			t.Fatalf("got seq %d, %v", seq, err)
		}
		if _, err := natsjs.AppendRecord(ctx, b.JS, 1, last, data); !natsjs.IsConflict(err) {
			t.Fatalf("a second append at %d: got %v, want a conflict", last, err)
		}
		h := journal.Hash(data)
		prev, last = h[:], seq
	}
	done := make(chan error, 1)
	go func() { // blocks until something is there
		got, err := r.Next(ctx, 1, 0, 10)
		if err == nil && len(got) == 0 {
			err = errors.New("no record")
		}
		done <- err
	}()
	for range 5 {
		appendOne()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	at := uint64(2) // from the middle, two at a time
	for at < 5 {
		got, err := r.Next(ctx, 1, at, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			if s.Seq != at+1 {
				t.Fatalf("got seq %d after %d", s.Seq, at)
			}
			at = s.Seq
		}
	}
	// Somebody writes past the writers: the reader says so.
	bad, _ := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: 1, Epoch: 6, PrevHash: make([]byte, 32)})
	if _, err := natsjs.AppendRecord(ctx, b.JS, 1, last, bad); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(ctx, 1, at, 10); !errors.Is(err, journal.ErrChain) {
		t.Fatalf("got %v, want ErrChain", err)
	}
	// A trimmed journal is not taken for a whole one.
	s, err := b.JS.Stream(ctx, subject.JournalStream(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	var trimmed *broker.TrimmedError
	if _, err := r.Next(ctx, 1, 1, 10); !errors.As(err, &trimmed) || trimmed.First != 4 {
		t.Fatalf("got %v, want TrimmedError with first 4", err)
	}
}

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

func TestErrorsAreSortedByWhatToDo(t *testing.T) {
	conflict := &jetstream.APIError{Code: 400, ErrorCode: 10071}
	cases := []struct {
		err                 error
		transient, conflict bool
	}{
		{nil, false, false},
		{fmt.Errorf("appending: %w", conflict), false, true},
		{fmt.Errorf("x: %w", broker.ErrConflict), false, true},
		{&jetstream.APIError{Code: 503}, true, false},
		{&jetstream.APIError{Code: 400, ErrorCode: 10059}, false, false},
		{nats.ErrNoResponders, true, false},
		{nats.ErrConnectionClosed, false, false},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, true, false},
		{context.DeadlineExceeded, true, false},
		{context.Canceled, false, false},
		{broker.ErrTooLarge, false, false},
	}
	for _, c := range cases {
		if got := natsjs.IsTransient(c.err); got != c.transient {
			t.Errorf("%v: transient %v, want %v", c.err, got, c.transient)
		}
		if got := natsjs.IsConflict(c.err); got != c.conflict {
			t.Errorf("%v: conflict %v, want %v", c.err, got, c.conflict)
		}
	}
}

func TestAnEventWhoseFirstAttemptIsUndecidedIsSentAgain(t *testing.T) {
	// What a cluster answers to a repeat while the first attempt is still being agreed on; found by the chaos suite.
	if err := (&jetstream.APIError{Code: 409, ErrorCode: 10158}); !natsjs.IsTransient(err) || natsjs.IsConflict(err) {
		t.Errorf("transient %t, conflict %t", natsjs.IsTransient(err), natsjs.IsConflict(err))
	}
	if err := (&jetstream.APIError{Code: 400, ErrorCode: 10054}); natsjs.IsTransient(err) {
		t.Error("a message too large is no matter of time")
	}
}
