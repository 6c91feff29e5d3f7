package natsjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/schemas/subject"
)

// Member is one live worker as the others see it.
type Member struct {
	ID string `json:"id"`
	// Joined is when it started, Unix nanoseconds of its own clock. The oldest leads.
	Joined int64 `json:"joined"`
	// Holding lists the partitions that it owns now.
	Holding []int `json:"holding"`
}

// View is who is alive and who is meant to own what. It is a hint: correctness rests on guarded appends.
type View struct {
	// Members are alive, the oldest first. The first one is the leader.
	Members []Member
	// Owners names the member meant to own each partition; nil when no leader has said so yet.
	Owners []string
}

// Leader is the id of the member that assigns partitions, "" when nobody is alive.
func (v View) Leader() string {
	if len(v.Members) == 0 {
		return ""
	}
	return v.Members[0].ID
}

// MembersConfig sets the pace of the leases.
type MembersConfig struct {
	// ID names this worker; unique per start. Letters, digits, '-' and '_'.
	ID string
	// Heartbeat is how often the own lease is renewed. Default 750 ms.
	Heartbeat time.Duration
	// TTL is how long a worker counts as alive after its last renewal. Default 3 s: three renewals may get lost.
	TTL time.Duration
	// Replicas of the bucket if it has to be made again. Default 1.
	Replicas int
}

// Members keeps this worker's lease and watches those of the others, in [subject.WorkersBucket].
type Members struct {
	js  jetstream.JetStream
	cfg MembersConfig

	changed chan struct{}
	push    chan struct{}

	mu      sync.Mutex
	self    Member
	others  map[string]seenMember
	owners  []string
	ownerAt time.Time
	left    bool
	heard   bool // our own renewal came back
	synced  bool // and what was there with it is known
}

type seenMember struct {
	Member
	at time.Time // when heard of last, our clock
}

const (
	memberPrefix  = "worker."
	assignmentKey = "assignment"
)

// NewMembers prepares a lease; Run keeps it.
func NewMembers(js jetstream.JetStream, cfg MembersConfig) (*Members, error) {
	if cfg.ID == "" || strings.ContainsAny(cfg.ID, ". *>\t") {
		return nil, fmt.Errorf("new members: worker id %q is no subject token", cfg.ID)
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 750 * time.Millisecond
	}
	if cfg.TTL <= 0 {
		cfg.TTL = 3 * time.Second
	}
	if cfg.TTL < 2*cfg.Heartbeat {
		return nil, fmt.Errorf("new members: ttl %s is below two heartbeats of %s", cfg.TTL, cfg.Heartbeat)
	}
	if cfg.Replicas <= 0 {
		cfg.Replicas = 1
	}
	return &Members{js: js, cfg: cfg, changed: make(chan struct{}, 1), push: make(chan struct{}, 1),
		self: Member{ID: cfg.ID, Joined: time.Now().UnixNano()}, others: make(map[string]seenMember)}, nil
}

// Changed gets a value after the view may have changed.
func (m *Members) Changed() <-chan struct{} { return m.changed }

// View is the present view; this worker is part of it. It is empty until the others are known.
func (m *Members) View() View {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.synced {
		return View{}
	}
	v := View{Owners: slices.Clone(m.owners)}
	if time.Since(m.ownerAt) > 4*m.cfg.TTL {
		v.Owners = nil // of a leader long gone, and nobody has taken its place
	}
	if !m.left {
		v.Members = append(v.Members, m.self)
	}
	for id, s := range m.others {
		if time.Since(s.at) > m.cfg.TTL {
			delete(m.others, id)
			continue
		}
		v.Members = append(v.Members, s.Member)
	}
	slices.SortFunc(v.Members, func(a, b Member) int {
		if a.Joined != b.Joined {
			if a.Joined < b.Joined {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return v
}

// SetHolding tells the others, at once, what this worker owns.
func (m *Members) SetHolding(partitions []int) {
	m.mu.Lock()
	m.self.Holding = slices.Clone(partitions)
	m.mu.Unlock()
	notify(m.push)
}

// Assign publishes who is to own what; the leader calls it, also to renew an assignment that stays.
func (m *Members) Assign(ctx context.Context, owners []string) error {
	data, err := json.Marshal(owners)
	if err != nil {
		return fmt.Errorf("encoding assignment: %w", err)
	}
	if err := m.put(ctx, assignmentKey, data); err != nil {
		return fmt.Errorf("publishing assignment: %w", err)
	}
	m.setOwners(owners)
	return nil
}

// Leave gives the lease back, so that others need not wait until it ends.
func (m *Members) Leave(ctx context.Context) error {
	m.mu.Lock()
	m.left = true
	m.mu.Unlock()
	msg := &nats.Msg{Subject: m.subject(memberPrefix + m.cfg.ID), Header: nats.Header{
		"KV-Operation": {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
	if err := Store(ctx, m.js, msg); err != nil {
		return fmt.Errorf("leaving: %w", err)
	}
	return nil
}

// Run renews the lease and follows the bucket until ctx ends. The lease stays; see Leave.
func (m *Members) Run(ctx context.Context) error {
	tick := time.NewTicker(m.cfg.Heartbeat)
	defer tick.Stop()
	var wg sync.WaitGroup
	wg.Go(func() { m.follow(ctx) })
	defer wg.Wait()
	for {
		m.beat(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			notify(m.changed) // leases end by time
		case <-m.push:
		}
	}
}

// beat renews the own entry; a failure shows in the next round.
func (m *Members) beat(ctx context.Context) {
	m.mu.Lock()
	data, err := json.Marshal(m.self)
	left := m.left
	m.mu.Unlock()
	if err != nil || left {
		return
	}
	if err := m.put(ctx, memberPrefix+m.cfg.ID, data); errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrStreamNotFound) {
		// A single server that restarted has lost what it kept in memory.
		topo := DefaultTopology()
		topo.Replicas, topo.LeaseTTL = m.cfg.Replicas, m.cfg.TTL
		if n, err := Partitions(ctx, m.js); err == nil {
			topo.Partitions = n
			_ = ensureStream(ctx, m.js, topo.workers())
		}
	}
}

func (m *Members) put(ctx context.Context, key string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Heartbeat)
	defer cancel()
	return Store(ctx, m.js, &nats.Msg{Subject: m.subject(key), Data: data})
}

func (m *Members) subject(key string) string { return "$KV." + subject.WorkersBucket + "." + key }

// follow reads the bucket's own log: every renewal, departure and assignment.
func (m *Members) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if tail, err := OpenTail(m.js, "KV_"+subject.WorkersBucket, 1, TailConfig{Messages: 512}); err == nil {
			m.read(ctx, tail)
			tail.Close()
		}
	}
}

// read returns when not even our own renewals come any more: the bucket was made again, and its
// sequences with it.
func (m *Members) read(ctx context.Context, tail *Tail) {
	var msgs []Message
	for {
		wait, cancel := context.WithTimeout(ctx, m.cfg.TTL)
		var err error
		msgs, err = tail.Take(wait, msgs[:0], 512, 1<<20)
		cancel()
		if err != nil {
			return
		}
		now := time.Now()
		for i := range msgs {
			m.learn(&msgs[i], now)
		}
		// The bucket keeps each worker's last renewal only: another worker's may have moved behind ours.
		if n := len(msgs); n > 0 && msgs[n-1].Pending == 0 {
			m.mu.Lock()
			if m.heard && !m.synced {
				m.synced = true
				notify(m.changed)
			}
			m.mu.Unlock()
		}
	}
}

func (m *Members) learn(msg *Message, now time.Time) {
	key := strings.TrimPrefix(msg.Subject(), m.subject(""))
	h := msg.Header()
	gone := h.Get("KV-Operation") != "" || h.Get(jetstream.MarkerReasonHeader) != ""
	if key == assignmentKey && !gone {
		var owners []string
		if json.Unmarshal(msg.Data, &owners) == nil && len(owners) <= MaxPartitions {
			m.setOwners(owners)
		}
		return
	}
	id, ok := strings.CutPrefix(key, memberPrefix)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == m.cfg.ID {
		m.heard = true
		return
	}
	if gone {
		delete(m.others, id)
		notify(m.changed)
		return
	}
	var mem Member
	if json.Unmarshal(msg.Data, &mem) != nil || mem.ID != id || len(m.others) >= MaxPartitions {
		return
	}
	old, known := m.others[id]
	m.others[id] = seenMember{Member: mem, at: now}
	if !known || !slices.Equal(old.Holding, mem.Holding) {
		notify(m.changed)
	}
}

func (m *Members) setOwners(owners []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	same := slices.Equal(m.owners, owners)
	m.owners, m.ownerAt = owners, time.Now()
	if !same {
		notify(m.changed)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Poke makes Changed fire.
func (m *Members) Poke() { notify(m.changed) }
