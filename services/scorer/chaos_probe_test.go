//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// prober flags a session every second, wherever that is taken, and asks the guards of an app at each node for it until they have it.
type prober struct {
	guards [chaosNodes]*sdk.Guard
	flags  [chaosNodes]*natsjs.Flags
	stop   chan struct{}
	all    sync.WaitGroup

	mu    sync.Mutex
	most  time.Duration // that a guard lacked a flag and called itself current as of a later moment than that was stored
	whose string
}

// probe returns for how long at most a guard was mistaken, and which.
func probe(t *testing.T, in *installation) (wrong func() (time.Duration, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := &prober{stop: make(chan struct{})}
	for i := range p.guards {
		c, err := sdk.Connect(in.from(i), "//chaos/probe", sdk.WithTenant("acme"), sdk.WithLogger(slog.New(slog.DiscardHandler)), sdk.WithNATSOptions(nats.DontRandomize()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		if err := c.Guard().WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		p.guards[i] = c.Guard()
		if p.flags[i], err = natsjs.OpenFlags(ctx, eventuallyConnect(t, in.from(i)).js); err != nil {
			t.Fatal(err)
		}
	}
	p.all.Go(func() {
		for n := 0; p.pause(time.Second); n++ {
			session := fmt.Sprint("probe-", n)
			stored, ok := p.flag(session)
			for i := range p.guards {
				if ok {
					p.all.Go(func() { p.await(i, session, stored) })
				}
			}
		}
	})
	return func() (time.Duration, string) { close(p.stop); p.all.Wait(); return p.most, p.whose }
}

// flag stores a flag through the first node that takes it, and returns when that was known.
func (p *prober) flag(session string) (stored time.Time, ok bool) {
	now := time.Now()
	sig := &riskdv1.Signal{ChallengeId: subject.ChallengeID("acme", session, "//chaos", session), Revision: 1, TenantId: "acme", UserId: "probe", SessionId: session,
		State: "required", IssuedAtMs: now.UnixMilli(), ExpiresAtMs: now.Add(time.Hour).UnixMilli(), OnExpiry: "deny", Require: &riskdv1.Requirement{AcrValues: []string{"aal2"}}}
	for i := 0; p.pause(0); i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		_, err := p.flags[i%len(p.flags)].Apply(ctx, sig, broker.Position{Seq: 1})
		cancel()
		if err == nil {
			return time.Now(), true
		}
	}
	return stored, false
}

func (p *prober) await(i int, session string, stored time.Time) {
	for p.pause(20 * time.Millisecond) {
		v := p.guards[i].Check("acme", session)
		if v.State == sdk.Required {
			return
		}
		if asOf := time.Now().Add(-v.Staleness()); v.State == sdk.Clear {
			p.mu.Lock()
			if d := asOf.Sub(stored); d > p.most {
				p.most, p.whose = d, fmt.Sprintf("node %d, %s, stored %s", i, session, stored.Format(time.TimeOnly))
			}
			p.mu.Unlock()
		}
	}
}

// pause is false once the probing ends.
func (p *prober) pause(d time.Duration) bool {
	select {
	case <-p.stop:
		return false
	case <-time.After(d):
		return true
	}
}
