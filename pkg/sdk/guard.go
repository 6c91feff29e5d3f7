package sdk

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Status is how the guard stands, in OpenFeature's terms.
type Status uint32

// The states of a guard.
const (
	// Connecting guards have never read the bucket to its end; every session is [Unknown].
	Connecting Status = iota
	// Ready guards hold all flags and hear from the broker.
	Ready
	// Stale guards hold what they last knew and do not hear from the broker.
	Stale
	// Closed guards are stale for good.
	Closed
)

// String is the status in capitals, as OpenFeature writes it.
func (s Status) String() string { return [...]string{"CONNECTING", "READY", "STALE", "CLOSED"}[s] }

// EventKind tells what happened to a guard.
type EventKind string

// The kinds, named as in OpenFeature.
const (
	ProviderReady                EventKind = "PROVIDER_READY"
	ProviderStale                EventKind = "PROVIDER_STALE"
	ProviderError                EventKind = "PROVIDER_ERROR"
	ProviderConfigurationChanged EventKind = "PROVIDER_CONFIGURATION_CHANGED"
)

// GuardEvent is what a handler given with [WithGuardEvents] is told.
type GuardEvent struct {
	Kind EventKind
	// Tenant and Session whose flag changed, for ProviderConfigurationChanged.
	Tenant, Session string
	// Err is why, for ProviderStale and ProviderError.
	Err error
}

// Headers that riskd may write on the marker of a removed flag, so that a late copy of the flag is known
// for what it is.
const (
	headerChallenge = "Riskd-Challenge"
	headerRevision  = "Riskd-Revision"
)

// Guard knows which sessions owe a step-up. It follows riskd's bucket of open flags into this process,
// so that [Guard.Check] needs neither network nor lock.
type Guard struct {
	js        jetstream.JetStream // nil with a broker
	ownsConn  bool                // the client made the connection
	broker    Broker
	log       *slog.Logger
	count     *counters
	onEvent   func(GuardEvent)
	heartbeat time.Duration
	resync    time.Duration
	maxFlags  int

	flags    *table
	heard    atomic.Int64 // nanoseconds after epoch when the broker last proved us current; 0: never
	status   atomic.Uint32
	size     atomic.Int64
	overflow atomic.Bool
	done     chan struct{}

	waiting sync.Mutex
	changed chan struct{} // closed at the next change; nil when nobody waits

	// The rest belongs to the watching goroutine.
	closed      map[string]uint64 // challenge -> lowest revision that may still come
	closedOrder []string
	skipped     bool          // a flag found no room since the last snapshot began
	left        time.Time     // when leave last did
	stay        time.Duration // until it may again; 0 once the guard was ready since
}

// newGuard follows the bucket over nc, or the broker when there is no nc.
func newGuard(nc *nats.Conn, o *options, count *counters) (*Guard, error) {
	var js jetstream.JetStream
	if nc != nil {
		var err error
		if js, err = jetstream.New(nc); err != nil {
			return nil, fmt.Errorf("opening JetStream: %w", err)
		}
	}
	return &Guard{
		js: js, ownsConn: o.conn == nil, broker: o.broker, log: o.log, count: count, onEvent: o.onGuard, heartbeat: o.heartbeat, resync: o.resync, maxFlags: o.maxFlags,
		flags: newTable(), done: make(chan struct{}), closed: map[string]uint64{},
	}, nil
}

// Check answers from memory: no network, no lock, no clock, no allocation. A flag that is known is reported
// whatever the guard's state; without one, a guard that never was ready answers [Unknown].
func (g *Guard) Check(tenant, session string) Verdict {
	heard := g.heard.Load() // before the look-up: the answer is at least this fresh
	f := g.flags.get(tenant, session)
	v := Verdict{State: Clear, flag: f, heard: heard}
	switch {
	case f != nil:
		v.State = f.state
	case heard == 0 || g.overflow.Load():
		v.State = Unknown
	}
	return v
}

// Status is how the guard stands now.
func (g *Guard) Status() Status { return Status(g.status.Load()) }

// Wait returns the session's verdict as soon as ok accepts it, or the last one and the context's error.
// It is for pages that wait for a flag, not for the path of every request.
func (g *Guard) Wait(ctx context.Context, tenant, session string, ok func(Verdict) bool) (Verdict, error) {
	for {
		changed := g.nextChange()
		v := g.Check(tenant, session)
		if ok(v) {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// WaitReady returns once the guard is ready.
func (g *Guard) WaitReady(ctx context.Context) error {
	for {
		changed := g.nextChange()
		if g.Status() == Ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the guard, which is %s: %w", g.Status(), ctx.Err())
		}
	}
}

func (g *Guard) nextChange() <-chan struct{} {
	g.waiting.Lock()
	defer g.waiting.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

func (g *Guard) tell(ev GuardEvent) {
	g.waiting.Lock()
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
	g.waiting.Unlock()
	if g.onEvent != nil {
		g.onEvent(ev)
	}
}

// current notes that the broker proved the guard up to date as of a moment.
func (g *Guard) current(asOf time.Time) {
	g.heard.Store(max(1, g.heard.Load(), int64(asOf.Sub(epoch))))
}
