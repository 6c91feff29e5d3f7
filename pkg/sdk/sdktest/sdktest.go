// Package sdktest is what an application may expect of the SDK over every broker, as tests.
package sdktest

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Heartbeat is what clients of the suite have to be made with.
const Heartbeat = 100 * time.Millisecond

// Installation is riskd's broker, of which the test plays riskd's part.
type Installation interface {
	// Connect joins as an application of tenant acme with a [Heartbeat]. The test closes the client.
	Connect(opts ...sdk.Option) (*sdk.Client, error)
	// Put stores the newest signal of a session as riskd does; one that blocks nothing clears it.
	Put(sig *riskdv1.Signal)
	// Stop ends the broker as a crash would look to its clients, Restart brings it back with what it held.
	Stop()
	Restart()
	// Events are the first n events stored.
	Events(n int) []*riskdv1.Event
}

// Required is a signal that asks for aal2.
func Required(session, challenge string, revision uint64) *riskdv1.Signal {
	now := time.Now()
	return &riskdv1.Signal{
		ChallengeId: challenge, Revision: revision, TenantId: "acme", UserId: "u1", SessionId: session, State: "required",
		Require:    &riskdv1.Requirement{AcrValues: []string{"aal2"}, AmrValues: []string{"otp"}, MaxAgeS: 300},
		IssuedAtMs: now.UnixMilli(), ExpiresAtMs: now.Add(15 * time.Minute).UnixMilli(), OnExpiry: "deny", ReasonUser: "Please confirm it is you.",
	}
}

// Run runs the suite; each test has an installation of its own.
func Run(t *testing.T, start func(testing.TB) Installation) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Installation)
	}{
		{"a flag is told with all it says", flagIsTold},
		{"flags that were there before are in the snapshot", snapshotIsWhole},
		{"what is satisfied is clear", satisfiedIsClear},
		{"lower revisions of a challenge change nothing", lowerRevisionsChangeNothing},
		{"names that need escaping are found", namesAreFound},
		{"no news differs from a dead broker", silenceIsStale},
		{"what happened while the broker was away is there afterwards", absenceIsMadeUp},
		{"beyond its bound a guard says unknown", boundIsUnknown},
		{"a user's events are stored once, in order, across an outage", eventsAreStored},
		{"closing stops the guard", closingStops},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, start(t)) })
	}
}

func connect(t testing.TB, in Installation, opts ...sdk.Option) *sdk.Client {
	t.Helper()
	c, err := in.Connect(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(within(t, 5*time.Second)) })
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func until(t testing.TB, g *sdk.Guard, session string, state sdk.State) sdk.Verdict {
	t.Helper()
	v, err := g.Wait(within(t, 10*time.Second), "acme", session, func(v sdk.Verdict) bool { return v.State == state })
	if err != nil {
		t.Fatalf("session %s stayed %s, want %s: %v", session, v.State, state, err)
	}
	return v
}

func poll(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

func flagIsTold(t *testing.T, in Installation) {
	g := connect(t, in).Guard()
	sig := Required("s1", "ch_1", 1)
	in.Put(sig)
	v := until(t, g, "s1", sdk.Required)
	if v.ChallengeID() != "ch_1" || v.Revision() != 1 || v.UserReason() != sig.ReasonUser || v.Issued().UnixMilli() != sig.IssuedAtMs || v.Expires().UnixMilli() != sig.ExpiresAtMs {
		t.Errorf("got challenge %q revision %d reason %q", v.ChallengeID(), v.Revision(), v.UserReason())
	}
	if r := v.Requirement(); len(r.ACR) != 1 || r.ACR[0] != "aal2" || len(r.AMR) != 1 || r.MaxAge != 5*time.Minute {
		t.Errorf("got requirement %+v", r)
	}
	if got := g.Check("other", "s1").State; got != sdk.Clear {
		t.Errorf("the same session of another tenant: got %v, want clear", got)
	}
}

func snapshotIsWhole(t *testing.T, in Installation) {
	const n = 200
	for i := range n {
		in.Put(Required("s"+strconv.Itoa(i), "ch_"+strconv.Itoa(i), 1))
	}
	g := connect(t, in).Guard()
	if got := g.Check("acme", "s0").State; got == sdk.Clear {
		t.Error("before the snapshot: got clear")
	}
	if err := g.WaitReady(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got := g.Check("acme", "s"+strconv.Itoa(i)).State; got != sdk.Required {
			t.Fatalf("session %d right after the snapshot: got %v, want required", i, got)
		}
	}
}

func satisfiedIsClear(t *testing.T, in Installation) {
	g := connect(t, in).Guard()
	sig := Required("s1", "ch_1", 1)
	in.Put(sig)
	until(t, g, "s1", sdk.Required)
	sig.State, sig.Revision = "satisfied", 2
	in.Put(sig)
	until(t, g, "s1", sdk.Clear)
	sig.State, sig.Revision = "denied", 3
	in.Put(sig)
	until(t, g, "s1", sdk.Denied)
}

func lowerRevisionsChangeNothing(t *testing.T, in Installation) {
	c := connect(t, in)
	denied := Required("s1", "ch_1", 3)
	denied.State = "denied"
	in.Put(denied)
	until(t, c.Guard(), "s1", sdk.Denied)
	in.Put(Required("s1", "ch_1", 1))
	in.Put(Required("marker", "ch_m", 1))
	until(t, c.Guard(), "marker", sdk.Required)
	if got := c.Guard().Check("acme", "s1"); got.State != sdk.Denied || got.Revision() != 3 || c.Counters().FlagsIgnored != 1 {
		t.Errorf("after the late copy: got %v revision %d, %d ignored", got.State, got.Revision(), c.Counters().FlagsIgnored)
	}
}

func namesAreFound(t *testing.T, in Installation) {
	g := connect(t, in).Guard()
	const odd = "u:é .*>~1f2e"
	in.Put(Required(odd, "ch_1", 1))
	until(t, g, odd, sdk.Required)
}

func boundIsUnknown(t *testing.T, in Installation) {
	c := connect(t, in, sdk.WithMaxFlags(2))
	for i := range 3 {
		in.Put(Required(fmt.Sprint("s", i), fmt.Sprint("ch_", i), 1))
	}
	until(t, c.Guard(), "s1", sdk.Required)
	until(t, c.Guard(), "s2", sdk.Unknown)
}

func closingStops(t *testing.T, in Installation) {
	c := connect(t, in)
	until(t, c.Guard(), "s1", sdk.Clear)
	if err := c.Close(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := c.Guard().Status(); got != sdk.Closed {
		t.Errorf("got %v, want closed", got)
	}
}
