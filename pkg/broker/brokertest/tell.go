package brokertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// manyAreTold: what Tell says is done is done, and what it does not know can be done one by one, by itself and by another process.
func manyAreTold(t *testing.T, open Open) {
	again := open(t, 1)
	b, _ := opened(t, again)
	teller, ok := b.Outlet().(broker.Teller)
	if !ok {
		t.Skip("this broker's outlet tells one by one")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	word := func(session, state string, revision, seq uint64) broker.Word {
		now := time.Now().UnixMilli()
		sig := &riskdv1.Signal{ChallengeId: "ch_" + session, Revision: revision, TenantId: "acme", UserId: "u",
			SessionId: session, State: state, IssuedAtMs: now, AtMs: now, ExpiresAtMs: now + 600_000, OnExpiry: "deny"}
		return broker.Word{Position: broker.Position{Seq: seq}, Signal: sig, Flag: sig}
	}
	var first []broker.Word
	for _, s := range []string{"a", "b", "c", "d"} {
		first = append(first, word(s, "required", 1, 10))
	}
	for i, told := range teller.Tell(ctx, first) {
		if told.Flagged.IsZero() || !told.Stored {
			t.Fatalf("session %s: got %+v, want both", first[i].Signal.SessionId, told)
		}
	}
	// Another process changes a's flag behind this one's back, and clears b's; d's is not touched.
	other, _ := opened(t, again)
	for _, w := range []broker.Word{word("a", "denied", 3, 30), word("b", "satisfied", 2, 31)} {
		if applied, err := other.Outlet().Flag(ctx, w.Signal, w.Position); err != nil || !applied {
			t.Fatal(applied, err)
		}
	}
	second := []broker.Word{word("a", "required", 2, 20), word("b", "required", 1, 10), word("c", "satisfied", 2, 20), word("e", "required", 1, 40)}
	told := teller.Tell(ctx, second)
	var flagged []bool
	for i, w := range second {
		flagged = append(flagged, !told[i].Flagged.IsZero())
		if !told[i].Stored {
			t.Errorf("the signal of session %s is not stored", w.Signal.SessionId)
		}
		if _, err := b.Outlet().Flag(ctx, w.Signal, w.Position); err != nil { // what was not known, and once more what was
			t.Fatal(err)
		}
	}
	if want := []bool{false, false, true, true}; !slices.Equal(flagged, want) {
		t.Errorf("flagged %v, want %v: another process has written a and b since", flagged, want)
	}
	// Nobody waits for answers: whatever is said, both can be done one by one.
	gone, end := context.WithCancel(ctx)
	end()
	hasty := word("f", "required", 1, 50)
	_ = teller.Tell(gone, []broker.Word{hasty})
	if _, err := b.Outlet().Flag(ctx, hasty.Signal, hasty.Position); err != nil {
		t.Fatal(err)
	}
	if err := b.Outlet().Signal(ctx, hasty.Signal, hasty.Position); err != nil {
		t.Fatal(err)
	}
	// A record has two signals of g: the flag follows from the second, the first one is stored, and then the second without a flag.
	both := word("g", "required", 1, 60)
	both.Flag = word("g", "denied", 1, 60).Signal
	for _, w := range []broker.Word{both, {Signal: both.Flag, Position: both.Position}} {
		if told := teller.Tell(ctx, []broker.Word{w}); !told[0].Stored || told[0].Flagged.IsZero() != (w.Flag == nil) {
			t.Errorf("session g: %+v", told[0])
		}
		second = append(second, w)
	}
	second = slices.Delete(second, len(second)-2, len(second)-1) // the last one is what is found
	r, err := b.Follow()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := openFlags{}
	got.drain(t, ctx, r)
	for session, want := range map[string]string{"a": "denied", "b": "", "c": "", "d": "required", "e": "required", "f": "required", "g": "denied"} {
		if state := got[subject.Key("acme", session)]; state != want {
			t.Errorf("session %s: flag says %q, want %q", session, state, want)
		}
	}
	for _, w := range append(second[1:], hasty) {
		sig, pos, ok, err := b.Outlet().LastSignal(ctx, "acme", w.Signal.SessionId)
		if err != nil || !ok || sig.Revision != w.Signal.Revision || pos != w.Position {
			t.Errorf("session %s: last signal is %d at %v (%v, %v)", w.Signal.SessionId, sig.GetRevision(), pos, ok, err)
		}
	}
}
