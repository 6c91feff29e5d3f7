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
	if data, last, ok := m.entry(); ok {
		m.renew(ctx, data, last)
	}
}

// entry is what the others are told, and where that was stored last; false once this worker has left.
func (m *Members) entry() (data []byte, last uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, err := json.Marshal(m.self)
	return data, m.lease, err == nil && !m.left
}

func (m *Members) renew(ctx context.Context, data []byte, last uint64) {
	key := memberPrefix + m.cfg.ID
	last, err := m.put(ctx, key, last, data)
	if IsConflict(err) { // an answer was lost, but this one was not; or we have left meanwhile
		if last, _, err = m.newest(ctx, key); err == nil {
			if _, _, ok := m.entry(); !ok {
				return
			}
			last, err = m.put(ctx, key, last, data)
		}
	}
	switch {
	case err == nil:
		m.mu.Lock()
		m.lease = last
		m.mu.Unlock()
	case errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrStreamNotFound):
		// A single server that restarted has lost what it kept in memory.
		topo := DefaultTopology()
		topo.Replicas, topo.LeaseTTL = m.cfg.Replicas, m.cfg.TTL
		if n, err := Partitions(ctx, m.js); err == nil {
			topo.Partitions = n
			_ = ensureStream(ctx, m.js, topo.workers())
		}
	}
}

// put stores an entry if nothing came there since last. Whoever is not answered does not know what did, and is refused from then on, although what it sends
// arrives: to the others it is as gone as one that is dead.
func (m *Members) put(ctx context.Context, key string, last uint64, data []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Heartbeat)
	defer cancel()
	return StoreIf(ctx, m.js, m.subject(key), last, data)
}

// newest is what an entry is now, at 0 when there is none.
func (m *Members) newest(ctx context.Context, key string) (seq uint64, msg *Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Heartbeat)
	defer cancel()
	msg, err = ReadLast(ctx, m.js, workersStream, m.subject(key))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, nil, nil
	case err != nil:
		return 0, nil, err
	}
	return msg.Seq, msg, nil
}

func (m *Members) subject(key string) string { return "$KV." + subject.WorkersBucket + "." + key }

// follow reads the bucket's own log: every renewal, departure and assignment.
func (m *Members) follow(ctx context.Context) {
	for ctx.Err() == nil {
		m.mu.Lock()
		m.anew = true
		m.mu.Unlock()
		if tail, err := OpenTail(m.ear, workersStream, 1, TailConfig{Messages: 512}); err == nil {
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
	if key == assignmentKey {
		m.learnOwners(msg, gone)
		return
	}
	id, ok := strings.CutPrefix(key, memberPrefix)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == m.cfg.ID {
		if now.Sub(m.beatAt) > m.cfg.Heartbeat/2 { // not what is told in between
			m.beats, m.beatAt = m.beats+1, now
		}
		m.heard, m.lease = true, max(m.lease, msg.Seq) // perhaps before the answer
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
	m.others[id] = seenMember{Member: mem, at: now, beats: m.beats}
	if !known || !slices.Equal(old.Holding, mem.Holding) {
		notify(m.changed)
	}
}

func (m *Members) learnOwners(msg *Message, gone bool) {
	var owners []string
	if gone || json.Unmarshal(msg.Data, &owners) != nil || len(owners) > MaxPartitions {
		owners = nil
	}
	m.setOwners(owners, msg.Seq)
}

// setOwners takes over the assignment that is stored at seq, unless a newer one is known; without owners only that it is there.
func (m *Members) setOwners(owners []string, seq uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq < m.assigned && !m.anew {
		return
	}
	m.assigned, m.anew = seq, false
	if owners == nil {
		return
	}
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
