package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestAGuardHoldsEverythingAFlagSays(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL).Guard()
	sig := natstest.Required("acme", "s1", "ch_1", 1)
	sig.Require.MaxAgeS = 300
	srv.Put(sig)

	v := eventually(t, g, "s1", is(sdk.Required))
	if v.ChallengeID() != "ch_1" || v.Revision() != 1 || v.UserReason() != "Please confirm it is you." {
		t.Errorf("got challenge %q revision %d reason %q", v.ChallengeID(), v.Revision(), v.UserReason())
	}
	if r := v.Requirement(); len(r.ACR) != 1 || r.ACR[0] != "aal2" || len(r.AMR) != 2 || r.MaxAge != 5*time.Minute {
		t.Errorf("got requirement %+v", r)
	}
	if v.Issued().UnixMilli() != sig.IssuedAtMs || v.Expires().UnixMilli() != sig.ExpiresAtMs {
		t.Errorf("got issued %v expires %v", v.Issued(), v.Expires())
	}
	if got := g.Check("other", "s1").State; got != sdk.Clear {
		t.Errorf("the same session of another tenant: got %v, want clear", got)
	}
}

func TestADemandHoldsUpOnlyWhatItIsAbout(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL).Guard()
	mail := sdk.Resource{Type: "mail", Sensitivity: sdk.Internal}
	payroll := sdk.Resource{Type: "page", ID: "payroll", Sensitivity: sdk.Restricted}
	report := sdk.Resource{Type: "report", ID: "q3"}
	for session, c := range map[string]struct {
		scope *riskdv1.Scope
		held  []bool // mail, payroll, report, a new API key
	}{
		"whole":    {nil, []bool{true, true, true, true}},
		"class":    {&riskdv1.Scope{Sensitivity: "restricted"}, []bool{false, true, false, false}},
		"action":   {&riskdv1.Scope{Action: "apikey.create"}, []bool{false, false, false, true}},
		"resource": {&riskdv1.Scope{ResourceType: "report", ResourceId: "q3"}, []bool{false, false, true, false}},
		"type":     {&riskdv1.Scope{ResourceType: "report"}, []bool{false, false, true, false}},
		"other":    {&riskdv1.Scope{ResourceType: "report", ResourceId: "q2"}, []bool{false, false, false, false}},
		"both":     {&riskdv1.Scope{Action: "apikey.create", Sensitivity: "critical"}, []bool{false, false, false, true}},
		"later":    {&riskdv1.Scope{Sensitivity: "a class of later times"}, []bool{true, true, true, true}},
	} {
		sig := natstest.Required("acme", session, "ch_"+session, 1)
		sig.Scope = c.scope
		srv.Put(sig)
		v := eventually(t, g, session, is(sdk.Required))
		got := []bool{
			v.On("resource.read", mail).State == sdk.Required, v.On("resource.read", payroll).State == sdk.Required,
			v.On("resource.export", report).State == sdk.Required, v.On("apikey.create", sdk.Resource{}).State == sdk.Required,
		}
		if !slices.Equal(got, c.held) {
			t.Errorf("%s: got %v, want %v", session, got, c.held)
		}
	}
	denied := natstest.Required("acme", "shut", "ch_shut", 1)
	denied.State, denied.Scope = "denied", &riskdv1.Scope{Action: "apikey.create"}
	srv.Put(denied)
	if v := eventually(t, g, "shut", is(sdk.Denied)); v.On("resource.read", mail).State != sdk.Denied {
		t.Error("a denial was narrowed")
	}
}

func TestFlagsThatWereThereBeforeAreInTheSnapshot(t *testing.T) {
	srv := natstest.Start(t, 1)
	const n = 500
	for i := range n {
		srv.Put(natstest.Required("acme", fmt.Sprint("s", i), fmt.Sprint("ch_", i), 1))
	}
	g := client(t, srv.URL).Guard()
	if err := g.WaitReady(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got := g.Check("acme", fmt.Sprint("s", i)).State; got != sdk.Required {
			t.Fatalf("session %d right after the snapshot: got %v, want required", i, got)
		}
	}
}

func TestAGuardThatNeverKnewSaysUnknownAndNotClear(t *testing.T) {
	srv := natstest.Bare(t) // no bucket
	c := client(t, srv.URL)
	time.Sleep(300 * time.Millisecond)
	v := c.Guard().Check("acme", "s1")
	if v.State != sdk.Unknown || v.Staleness() != sdk.Never || c.Guard().Status() != sdk.Connecting {
		t.Errorf("got %v, staleness %v, guard %v", v.State, v.Staleness(), c.Guard().Status())
	}
	srv.Topology(1)
	eventually(t, c.Guard(), "s1", is(sdk.Clear))
}

func TestARemovedFlagClearsTheSession(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL).Guard()
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, g, "s1", is(sdk.Required))
	srv.Delete("acme", "s1")
	eventually(t, g, "s1", is(sdk.Clear))
}

func TestAFlagThatTheBucketForgetsIsForgottenHereToo(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL).Guard()
	srv.PutFor(natstest.Required("acme", "s1", "ch_1", 1), time.Second)
	eventually(t, g, "s1", is(sdk.Required))
	eventually(t, g, "s1", is(sdk.Clear))
}

func TestALowerRevisionOfTheSameChallengeIsIgnored(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	denied := natstest.Required("acme", "s1", "ch_1", 3)
	denied.State = "denied"
	srv.Put(denied)
	eventually(t, c.Guard(), "s1", is(sdk.Denied))
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1)) // a late copy
	srv.Put(natstest.Required("acme", "marker", "ch_m", 1))
	eventually(t, c.Guard(), "marker", is(sdk.Required))
	if got := c.Guard().Check("acme", "s1"); got.State != sdk.Denied || got.Revision() != 3 {
		t.Errorf("after the late copy: got %v revision %d, want denied 3", got.State, got.Revision())
	}
	if got := c.Counters().FlagsIgnored; got != 1 {
		t.Errorf("ignored: got %d, want 1", got)
	}
	srv.Put(natstest.Required("acme", "s1", "ch_2", 1)) // another challenge starts at one
	eventually(t, c.Guard(), "s1", func(v sdk.Verdict) bool { return v.ChallengeID() == "ch_2" })
}

func TestALateCopyOfAClosedChallengeDoesNotOpenItAgain(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	eventually(t, c.Guard(), "s1", is(sdk.Required))

	marker := nats.NewMsg("$KV." + subject.StepUpBucket + "." + subject.Key("acme", "s1"))
	marker.Header.Set("KV-Operation", "DEL")
	marker.Header.Set("Riskd-Challenge", "ch_1")
	marker.Header.Set("Riskd-Revision", "2")
	if _, err := srv.JS.PublishMsg(within(t, time.Second), marker); err != nil {
		t.Fatal(err)
	}
	eventually(t, c.Guard(), "s1", is(sdk.Clear))
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	srv.Put(natstest.Required("acme", "marker", "ch_m", 1))
	eventually(t, c.Guard(), "marker", is(sdk.Required))
	if got := c.Guard().Check("acme", "s1").State; got != sdk.Clear {
		t.Errorf("got %v, want clear", got)
	}
}

func TestAnEntryThatCannotBeReadIsUnknownAndNotClear(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	if _, err := srv.KV.Put(within(t, time.Second), subject.Key("acme", "s1"), []byte{0xff, 0xff, 1}); err != nil {
		t.Fatal(err)
	}
	poll(t, "the entry", func() bool { return c.Counters().FlagsInvalid == 1 })
	eventually(t, c.Guard(), "s1", is(sdk.Unknown))
	if v := c.Guard().Check("acme", "s1"); v.ChallengeID() != "" || len(v.Requirement().ACR) != 0 {
		t.Errorf("got %+v", v)
	}
}

func TestBeyondItsBoundAGuardSaysUnknownAndNotClear(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL, sdk.WithMaxFlags(2), sdk.WithResync(300*time.Millisecond))
	for i := range 3 {
		srv.Put(natstest.Required("acme", fmt.Sprint("s", i), fmt.Sprint("ch_", i), 1))
	}
	eventually(t, c.Guard(), "s1", is(sdk.Required))
	eventually(t, c.Guard(), "s2", is(sdk.Unknown))
	if got := c.Guard().Check("acme", "s1").State; got != sdk.Required {
		t.Errorf("a flag that found room: got %v, want required", got)
	}
	srv.Delete("acme", "s0")
	eventually(t, c.Guard(), "s2", is(sdk.Required)) // with the next snapshot
	eventually(t, c.Guard(), "s3", is(sdk.Clear))
}

func TestAnExpiredChallengeBlocksUnlessItsPolicyAllows(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL).Guard()
	sig := natstest.Required("acme", "s1", "ch_1", 1)
	srv.Put(sig)
	eventually(t, g, "s1", is(sdk.Required))
	sig.State, sig.Revision = "expired", 2
	srv.Put(sig)
	eventually(t, g, "s1", is(sdk.Denied))
	sig.OnExpiry, sig.Revision = "allow", 3
	srv.Put(sig)
	eventually(t, g, "s1", is(sdk.Clear))
}

func TestNamesThatNeedEscapingAreFound(t *testing.T) {
	srv := natstest.Start(t, 1)
	g := client(t, srv.URL).Guard()
	const odd = "u:é .*>~1f2e"
	srv.Put(natstest.Required("acme", odd, "ch_1", 1))
	eventually(t, g, odd, is(sdk.Required))
}

func TestClosingStopsTheGuard(t *testing.T) {
	srv := natstest.Start(t, 1)
	c := client(t, srv.URL)
	eventually(t, c.Guard(), "s1", is(sdk.Clear))
	if err := c.Close(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if c.Guard().Status() != sdk.Closed {
		t.Errorf("got %v, want closed", c.Guard().Status())
	}
	if _, err := c.Report(login("u1")); !errors.Is(err, sdk.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
