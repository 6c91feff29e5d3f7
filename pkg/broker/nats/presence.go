package natsjs

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/schemas/subject"
)

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
