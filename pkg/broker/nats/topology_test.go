package natsjs_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/schemas/subject"
)

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
