package natsjs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
)

const (
	// leadEvery is how often the leader looks at the assignment without a reason.
	leadEvery = 500 * time.Millisecond
	// maxHeartbeat is well below the life of an entry in the bucket (Topology.LeaseTTL, 3 s by default),
	// however long a silent worker is trusted.
	maxHeartbeat = 750 * time.Millisecond
	// tellEvery is how often the log says that an assignment cannot be published; it is tried several times a second.
	tellEvery = 10 * time.Second
)

// Workers shares partitions by the leases of [Members]: the oldest worker assigns them. It implements broker.Workers.
type Workers struct {
	cfg     broker.WorkersConfig
	members *Members
	changed chan struct{}
	told    time.Time // of Run's goroutine

	mu      sync.Mutex
	held    []int             // by this worker
	waiting map[int]time.Time // since when a partition is ours but still held by another
}

// NewWorkers prepares a place; Run keeps it.
func NewWorkers(js jetstream.JetStream, cfg broker.WorkersConfig) (*Workers, error) {
	m, err := NewMembers(js, MembersConfig{ID: cfg.ID, TTL: cfg.TTL, Heartbeat: min(cfg.TTL/4, maxHeartbeat)})
	if err != nil {
		return nil, err
	}
	return &Workers{cfg: cfg, members: m, changed: make(chan struct{}, 1), waiting: make(map[int]time.Time)}, nil
}

// Run keeps the lease, and assigns partitions while this worker is the oldest. It hears of the others over a connection of its own: one that works off a
// backlog is behind with what it reads, and who is alive is not to be judged by that.
func (w *Workers) Run(ctx context.Context) error {
	defer w.members.apart(w.cfg.Log)()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _ = w.members.Run(ctx) })
	tick := time.NewTicker(leadEvery)
	defer tick.Stop()
	var renewed time.Time
	for {
		if v := w.members.View(); v.Leader() == w.cfg.ID {
			renewed = w.lead(ctx, v, renewed)
		}
		notify(w.changed)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.members.Changed():
		}
	}
}

// Changed gets a value after Mine may have changed.
func (w *Workers) Changed() <-chan struct{} { return w.changed }

// Alone tells whether no other worker is alive.
func (w *Workers) Alone() bool { return len(w.members.View().Members) <= 1 }

// Leave gives the lease back.
func (w *Workers) Leave(ctx context.Context) error { return w.members.Leave(ctx) }

// Hold tells the others, at once, what this worker owns.
func (w *Workers) Hold(partitions []int) {
	w.mu.Lock()
	w.held = slices.Clone(partitions)
	w.mu.Unlock()
	w.members.SetHolding(partitions)
	notify(w.changed)
}

// lead publishes the assignment when it changes, and renews it before its entry ends.
func (w *Workers) lead(ctx context.Context, v View, renewed time.Time) time.Time {
	ids := make([]string, 0, len(v.Members))
	prev := v.Owners
	for _, m := range v.Members {
		ids = append(ids, m.ID)
	}
	if prev == nil { // a new leader: who holds what already
		prev = make([]string, w.cfg.Partitions)
		for _, m := range v.Members {
			for _, p := range m.Holding {
				if p >= 0 && p < len(prev) {
					prev[p] = m.ID
				}
			}
		}
	}
	next := assign(prev, ids, w.cfg.Partitions)
	if slices.Equal(next, v.Owners) && time.Since(renewed) < maxHeartbeat {
		return renewed
	}
	attempt, cancel := context.WithTimeout(ctx, w.cfg.TTL/3)
	defer cancel()
	if err := w.members.Assign(attempt, v, next); err != nil {
		if now := time.Now(); ctx.Err() == nil && !IsConflict(err) && now.Sub(w.told) > tellEvery {
			w.told = now
			w.cfg.Log.Warn("assignment was not published", "error", err)
		}
		return renewed
	}
	return time.Now()
}

// Mine lists what the assignment gives to this worker, without what a living worker may yet let go by itself.
func (w *Workers) Mine() (mine []int, waiting int, ok bool) {
	v := w.members.View()
	if v.Owners == nil {
		return nil, 0, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.cfg.Partitions {
		switch {
		case n >= len(v.Owners) || v.Owners[n] != w.cfg.ID:
			delete(w.waiting, n)
		case !slices.Contains(w.held, n) && w.heldElsewhere(v, n):
		default:
			delete(w.waiting, n)
			mine = append(mine, n)
		}
	}
	return mine, len(w.waiting), true
}

// heldElsewhere tells whether a living worker still has the partition and may yet let it go by itself; w.mu is held.
func (w *Workers) heldElsewhere(v View, n int) bool {
	for _, m := range v.Members {
		if m.ID != w.cfg.ID && slices.Contains(m.Holding, n) {
			since, ok := w.waiting[n]
			if !ok {
				w.waiting[n] = time.Now()
				return true
			}
			return time.Since(since) < w.cfg.HandoverWait
		}
	}
	return false
}
