package kafka

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// maxTable bounds the open flags that a Table holds.
const maxTable = 1_000_000

// Table is the open flags by session, in memory: Kafka has no look-up by key. Run follows the topic of signals.
type Table struct {
	b *Broker

	mu    sync.RWMutex
	known bool
	flags map[string][]broker.Flag // by session; more than one when users share a session id
	count int
}

// errTable tells that not all flags are known yet.
var errTable = errors.New("the flags are not read yet")

// NewTable makes an empty table.
func (b *Broker) NewTable() *Table { return &Table{b: b, flags: make(map[string][]broker.Flag)} }

// Run follows the flags until ctx ends.
func (t *Table) Run(ctx context.Context) error {
	var r broker.FlagReader
	for {
		var err error
		if r, err = t.b.Follow(); err == nil {
			break
		}
		if !sleep(ctx, openRetry) {
			return nil
		}
	}
	defer r.Close()
	var got []broker.Flag
	var err error
	for end := false; !end; {
		if got, end, err = r.Drain(ctx, got[:0]); err != nil {
			return nil // ctx ended
		}
		t.learn(got)
	}
	t.mu.Lock()
	t.known = true
	t.mu.Unlock()
	for {
		if got, err = r.Take(ctx, got[:0]); err != nil {
			return nil
		}
		t.learn(got)
	}
}

// Ready tells whether the flags are known.
func (t *Table) Ready() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.known {
		return errTable
	}
	return nil
}

func (t *Table) learn(flags []broker.Flag) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range flags {
		session := sessionOf(f.Key)
		old := t.flags[session]
		kept := make([]broker.Flag, 0, len(old)+1)
		for _, o := range old {
			if o.Key != f.Key {
				kept = append(kept, o)
			}
		}
		if f.Signal != nil && (t.count < maxTable || len(old) > 0) {
			kept = append(kept, f)
		}
		t.count += len(kept) - len(old)
		if len(kept) == 0 {
			delete(t.flags, session)
		} else {
			t.flags[session] = kept
		}
	}
}

// sessionOf cuts the user off a key: tenant.session.user.
func sessionOf(key string) string {
	if i := strings.LastIndexByte(key, '.'); i > 0 && strings.Count(key, ".") == 2 {
		return key[:i]
	}
	return key
}

// State is the signal that flags a session, nil when it is clear. Of several users' the strictest counts.
func (t *Table) State(_ context.Context, tenant, session string) (*riskdv1.Signal, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.known {
		return nil, errTable
	}
	var worst *riskdv1.Signal
	for _, f := range t.flags[subject.Key(tenant, session)] {
		if time.Since(f.Created) < broker.FlagTTL(f.Signal) && (worst == nil || f.Signal.State == "denied") {
			worst = f.Signal
		}
	}
	return worst, nil
}
