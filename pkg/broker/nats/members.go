package natsjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

	assigned uint64 // where the newest assignment is stored that this worker knows of
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
	// TTL is how long a worker counts as alive after its last renewal, if this one's own come meanwhile. Default 3 s: three renewals may get lost.
	TTL time.Duration
	// Replicas of the bucket if it has to be made again. Default 1.
	Replicas int
}

// Members keeps this worker's lease and watches those of the others, in [subject.WorkersBucket].
type Members struct {
	js  jetstream.JetStream
	ear jetstream.JetStream // what follow reads over
	cfg MembersConfig

	changed chan struct{}
	push    chan struct{}

	mu       sync.Mutex
	self     Member
	others   map[string]seenMember
	owners   []string
	ownerAt  time.Time
	assigned uint64 // where owners is stored
	anew     bool   // the bucket is read from its beginning, and may be another one than before
	lease    uint64 // where the own entry is, as far as the broker has said
	left     bool
	beats    uint64    // how many of our own renewals came, some time apart
	beatAt   time.Time // the last of those
	heard    bool      // our own renewal came back
	synced   bool      // and what was there with it is known
}

type seenMember struct {
	Member
	at    time.Time // when heard of last, our clock
	beats uint64    // Members.beats then
}

const (
	memberPrefix  = "worker."
	assignmentKey = "assignment"
	workersStream = "KV_" + subject.WorkersBucket
	// silentBeats of our own renewals have to come, a worker silent all the while, before its lease ends. While ours do not come either nothing is known of the
	// others, and after a broker was away for longer than a lease each worker would take itself for the only one.
	silentBeats = 3
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
	return &Members{js: js, ear: js, cfg: cfg, changed: make(chan struct{}, 1), push: make(chan struct{}, 1),
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
	v := View{Owners: slices.Clone(m.owners), assigned: m.assigned}
	if time.Since(m.ownerAt) > 4*m.cfg.TTL {
		v.Owners = nil // of a leader long gone, and nobody has taken its place
	}
	if !m.left {
		v.Members = append(v.Members, m.self)
	}
	for id, s := range m.others {
		if time.Since(s.at) > m.cfg.TTL && m.beats-s.beats >= silentBeats {
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

// Assign publishes who is to own what, going by a view; the leader calls it, also to renew an assignment that stays. It is a conflict (see [IsConflict])
// when there is an assignment that the view does not know: a worker that hears nothing takes itself for the last that is alive. That one is known then.
func (m *Members) Assign(ctx context.Context, v View, owners []string) error {
	data, err := json.Marshal(owners)
	if err != nil {
		return fmt.Errorf("encoding assignment: %w", err)
	}
	seq, err := m.put(ctx, assignmentKey, v.assigned, data)
	if IsConflict(err) {
		if unseen := m.lookUp(ctx); unseen != nil {
			err = errors.Join(err, unseen)
		}
	}
	if err != nil {
		return fmt.Errorf("publishing assignment: %w", err)
	}
	m.setOwners(owners, seq)
	return nil
}

// lookUp asks for the assignment that there is.
func (m *Members) lookUp(ctx context.Context) error {
	seq, msg, err := m.newest(ctx, assignmentKey)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.assigned = seq // lower than before where it had ended
	m.mu.Unlock()
	if msg != nil {
		m.learn(msg, time.Now())
	}
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

// apart has the bucket's log come over a connection of its own until the result is called, or over the other one where there is none to be had. What this
// worker says still goes where its records go: one that cannot write there is of no use, whatever it hears.
func (m *Members) apart(log *slog.Logger) (end func()) {
	nc, js, err := beside(m.js.Conn(), m.js.Conn().Opts.Name+" workers")
	if err != nil {
		log.Warn("who is alive is heard over the connection that events come over", "error", err)
		return func() {}
	}
	m.ear = js
	return func() { m.ear = m.js; nc.Close() }
}

// Poke makes Changed fire.
func (m *Members) Poke() { notify(m.changed) }
