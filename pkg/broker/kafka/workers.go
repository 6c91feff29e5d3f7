package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
)

// Workers shares the partitions by a consumer group with cooperative rebalancing. It consumes nothing: the input is read from
// where the journal says. It implements broker.Workers.
type Workers struct {
	b       *Broker
	cfg     broker.WorkersConfig
	changed chan struct{}

	mu      sync.Mutex
	cl      *kgo.Client
	joined  bool
	mine    map[int]bool
	held    []int
	release chan struct{} // closed and made again when held changes
}

func (b *Broker) groupID() string { return b.cfg.Prefix + "scorer" }

// Workers shares the partitions among the workers.
func (b *Broker) Workers(cfg broker.WorkersConfig) (broker.Workers, error) {
	w := &Workers{b: b, cfg: cfg, changed: make(chan struct{}, 1), mine: make(map[int]bool), release: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.group = w
	return w, nil
}

// membership is who we are in the group; ok is false while we are nobody.
func (b *Broker) membership() (member string, generation int32, ok bool) {
	b.mu.Lock()
	w := b.group
	b.mu.Unlock()
	if w == nil {
		return "", 0, false
	}
	w.mu.Lock()
	cl := w.cl
	w.mu.Unlock()
	if cl == nil {
		return "", 0, false
	}
	member, generation = cl.GroupMetadata()
	return member, generation, member != "" && generation >= 0
}

// Run is a member of the group until ctx ends.
func (w *Workers) Run(ctx context.Context) error {
	session := w.b.cfg.SessionTimeout
	cl, err := kgo.NewClient(append(w.b.options("riskd "+w.cfg.ID),
		kgo.ConsumerGroup(w.b.groupID()), kgo.ConsumeTopics(w.b.topic(eventsTopic)), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(), kgo.SessionTimeout(session), kgo.HeartbeatInterval(max(session/6, 300*time.Millisecond)),
		kgo.RebalanceTimeout(max(10*time.Second, 2*w.cfg.HandoverWait)),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { w.assigned(m) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, m map[string][]int32) { w.revoked(ctx, m, true) }),
		kgo.OnPartitionsLost(func(ctx context.Context, _ *kgo.Client, m map[string][]int32) { w.revoked(ctx, m, false) }),
	)...)
	if err != nil {
		return fmt.Errorf("joining the group: %w", err)
	}
	cl.PauseFetchTopics(w.b.topic(eventsTopic))
	w.mu.Lock()
	w.cl = cl
	w.mu.Unlock()
	for ctx.Err() == nil { // it brings no records, only what is wrong
		fetches := cl.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.Canceled) && !errors.Is(e.Err, kgo.ErrClientClosed) {
				w.cfg.Log.Warn("consumer group", "group", w.b.groupID(), "error", explain(e.Err))
				sleep(ctx, time.Second)
			}
		}
		if fetches.IsClientClosed() {
			break
		}
	}
	<-ctx.Done()
	cl.Close()
	return nil
}

func (w *Workers) assigned(m map[string][]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.joined = true
	for _, p := range m[w.b.topic(eventsTopic)] {
		if int(p) >= w.cfg.Partitions {
			w.cfg.Log.Error("the topic of events has got more partitions than riskd was set up with: their events are not scored",
				"topic", w.b.topic(eventsTopic), "partition", p, "partitions", w.cfg.Partitions)
			continue
		}
		w.mine[int(p)] = true
	}
	notify(w.changed)
}

// revoked takes partitions away and, with wait, returns when they are let go: the next owner gets them then.
func (w *Workers) revoked(ctx context.Context, m map[string][]int32, wait bool) {
	lost := m[w.b.topic(eventsTopic)]
	w.mu.Lock()
	for _, p := range lost {
		delete(w.mine, int(p))
	}
	w.mu.Unlock()
	notify(w.changed)
	if !wait {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.HandoverWait)
	defer cancel()
	for {
		w.mu.Lock()
		busy := slices.ContainsFunc(lost, func(p int32) bool { return slices.Contains(w.held, int(p)) })
		release := w.release
		w.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-release:
		case <-ctx.Done():
			return
		}
	}
}

// Changed gets a value after Mine may have changed.
func (w *Workers) Changed() <-chan struct{} { return w.changed }

// Mine lists what the group gives to this worker.
func (w *Workers) Mine() (mine []int, waiting int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.mine {
		mine = append(mine, p)
	}
	slices.Sort(mine)
	return mine, 0, w.joined
}

// Hold tells what this worker owns.
func (w *Workers) Hold(partitions []int) {
	w.mu.Lock()
	w.held = slices.Clone(partitions)
	close(w.release)
	w.release = make(chan struct{})
	w.mu.Unlock()
	notify(w.changed)
}

// Alone tells whether the group has no other member; false when that cannot be told.
func (w *Workers) Alone() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	groups, err := w.b.adm.DescribeGroups(ctx, w.b.groupID())
	g := groups[w.b.groupID()]
	return err == nil && g.Err == nil && len(g.Members) <= 1
}

// Leave leaves the group.
func (w *Workers) Leave(ctx context.Context) error {
	w.mu.Lock()
	cl := w.cl
	w.mu.Unlock()
	if cl == nil {
		return nil
	}
	if err := cl.LeaveGroupContext(ctx); err != nil {
		return fmt.Errorf("leaving the group: %w", err)
	}
	return nil
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
