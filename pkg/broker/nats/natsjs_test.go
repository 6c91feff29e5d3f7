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
