package interceptor_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// riskd plays riskd's part: it takes events and tells flags.
type riskd struct {
	t     testing.TB
	flags chan *riskdv1.Signal

	mu     sync.Mutex
	silent bool
	events []*riskdv1.Event
	n      uint64
}

// Send implements [sdk.Broker].
func (r *riskd) Send(_ context.Context, batch []*riskdv1.Event, fates []sdk.Fate) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, ev := range batch {
		r.events, fates[i] = append(r.events, proto.Clone(ev).(*riskdv1.Event)), sdk.Accepted
	}
	return nil
}

// Follow implements [sdk.Broker].
func (r *riskd) Follow(ctx context.Context, feed *sdk.Feed) error {
	feed.Complete(time.Now())
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case sig := <-r.flags:
			r.n++
			feed.Put(r.n, sig)
		case <-tick.C:
			r.mu.Lock()
			if !r.silent {
				feed.Current(time.Now())
			}
			r.mu.Unlock()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close implements [sdk.Broker].
func (*riskd) Close() {}

// mute makes the broker fall silent.
func (r *riskd) mute() {
	r.mu.Lock()
	r.silent = true
	r.mu.Unlock()
}

// flag says what a session owes, and waits until the guard has heard it.
func (r *riskd) flag(c *sdk.Client, sig *riskdv1.Signal, want sdk.State) {
	r.t.Helper()
	sig.TenantId, sig.UserId = "acme", "u1"
	r.flags <- sig
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	if v, err := c.Guard().Wait(ctx, "acme", sig.SessionId, func(v sdk.Verdict) bool {
		return v.State == want && (want == sdk.Clear || v.Revision() == sig.Revision)
	}); err != nil {
		r.t.Fatalf("the guard says %v: %v", v.State, err)
	}
}

// reported are what the application has told, receipts and calls, as "enforcement.shown GET ch_1" and "resource.read success".
func (r *riskd) reported(c *sdk.Client) []string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, ev := range r.events {
		if e := ev.Enforcement; e != nil {
			out = append(out, e.Result+" "+e.Route+" "+ev.ChallengeId)
		} else {
			out = append(out, ev.Action+" "+ev.Outcome)
		}
	}
	r.events = nil
	return out
}

func required(challenge string) *riskdv1.Signal {
	now := time.Now()
	return &riskdv1.Signal{
		ChallengeId: challenge, Revision: 1, SessionId: "s1", State: "required", OnExpiry: "deny", ReasonUser: "Please confirm this.",
		Require:    &riskdv1.Requirement{AcrValues: []string{"aal2"}, AmrValues: []string{"otp", "hwk"}, MaxAgeS: 300},
		IssuedAtMs: now.UnixMilli(), ExpiresAtMs: now.Add(15 * time.Minute).UnixMilli(),
	}
}
