package natsjs_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// openFlags is a worker's view of the bucket, with nothing remembered yet.
func openFlags(t testing.TB, b *natstest.Broker) *natsjs.Flags {
	t.Helper()
	f, err := natsjs.OpenFlags(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAWorkerThatWroteAFlagChangesItWithoutReading(t *testing.T) {
	b := natstest.Start(t, 1)
	var reads atomic.Int64
	if _, err := b.Conn.Subscribe("$JS.API.STREAM.MSG.GET.KV_"+subject.StepUpBucket, func(*nats.Msg) { reads.Add(1) }); err != nil {
		t.Fatal(err)
	}
	f := openFlags(t, b)
	for i, state := range []string{"required", "required", "satisfied", "required"} {
		sig := &riskdv1.Signal{ChallengeId: "ch", Revision: uint64(i + 1), TenantId: "acme", SessionId: "s", UserId: "u", State: state, OnExpiry: "deny"}
		if applied, err := f.Apply(t.Context(), sig, broker.Position{Seq: uint64(i + 1)}); err != nil || !applied {
			t.Fatalf("revision %d: got applied=%v, %v", i+1, applied, err)
		}
	}
	if err := b.Conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := reads.Load(); got != 0 {
		t.Errorf("got %d reads, want none", got)
	}
	// Somebody who knows nothing has to look.
	late := &riskdv1.Signal{ChallengeId: "ch", Revision: 3, TenantId: "acme", SessionId: "s", UserId: "u", State: "satisfied"}
	if applied, err := openFlags(t, b).Apply(t.Context(), late, broker.Position{Seq: 3}); err != nil || applied {
		t.Fatalf("got applied=%v, %v", applied, err)
	}
	natstest.Eventually(t, "the read is seen", func() bool { return reads.Load() > 0 })
}

// Two workers who remember what they wrote, and an operator who deletes: every write does what it would have done by reading first.
func TestWhatAWorkerRemembersOfAFlagChangesNothing(t *testing.T) {
	b := natstest.Start(t, 2)
	kv, err := b.JS.KeyValue(t.Context(), subject.StepUpBucket)
	if err != nil {
		t.Fatal(err)
	}
	workers := []*natsjs.Flags{openFlags(t, b), openFlags(t, b)}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		remembered, read := "m"+strconv.Itoa(run), "r"+strconv.Itoa(run)
		for range rapid.IntRange(2, 12).Draw(rt, "steps") {
			if rapid.IntRange(0, 9).Draw(rt, "deletes") == 0 {
				for _, session := range []string{remembered, read} {
					if err := kv.Purge(t.Context(), subject.Key("acme", session)); err != nil {
						rt.Fatal(err)
					}
				}
				continue
			}
			user := rapid.SampledFrom([]string{"ann", "bob"}).Draw(rt, "user")
			sig := &riskdv1.Signal{
				ChallengeId: fmt.Sprint(user, rapid.IntRange(1, 2).Draw(rt, "challenge")), Revision: rapid.Uint64Range(1, 4).Draw(rt, "revision"),
				TenantId: "acme", UserId: user, OnExpiry: "deny",
				State: rapid.SampledFrom([]string{"required", "satisfied", "denied"}).Draw(rt, "state"),
			}
			pos := broker.Position{Partition: subject.Partition("acme", user, 2), Seq: rapid.Uint64Range(1, 20).Draw(rt, "seq")}
			apply := func(f *natsjs.Flags, session string) (bool, string) {
				sig := proto.CloneOf(sig)
				sig.SessionId = session
				applied, err := f.Apply(t.Context(), sig, pos)
				if err != nil {
					rt.Fatal(err)
				}
				flag, ok, err := f.Get(t.Context(), "acme", session)
				if err != nil {
					rt.Fatal(err)
				}
				return applied, fmt.Sprint(ok, flag.Position, flag.Challenge, flag.ChallengeRevision, flag.Signal.GetState(), len(flag.Signal.GetAlso()))
			}
			gotApplied, got := apply(workers[rapid.IntRange(0, 1).Draw(rt, "worker")], remembered)
			wantApplied, want := apply(openFlags(t, b), read)
			if gotApplied != wantApplied || got != want {
				rt.Fatalf("got applied=%v and %s, want %v and %s", gotApplied, got, wantApplied, want)
			}
		}
	})
}
