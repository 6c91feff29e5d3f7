// Package policylogtest has a log of policies in memory, and the suite that every implementation has to pass.
package policylogtest

import (
	"bytes"
	"context"
	"sync"

	"github.com/riskd-io/riskd/pkg/policylog"
)

// Memory is a log for tests. The zero value is empty and ready.
type Memory struct {
	mu      sync.Mutex
	changes [][]byte
	texts   map[string][]byte
	more    chan struct{}
}

// Append implements [policylog.Log].
func (m *Memory) Append(_ context.Context, n uint64, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n != uint64(len(m.changes))+1 {
		return policylog.ErrTaken
	}
	m.changes = append(m.changes, bytes.Clone(data))
	if m.more != nil {
		close(m.more)
		m.more = nil
	}
	return nil
}

// Put implements [policylog.Log].
func (m *Memory) Put(_ context.Context, name string, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.texts == nil {
		m.texts = map[string][]byte{}
	}
	m.texts[name] = bytes.Clone(text)
	return nil
}

// Get implements [policylog.Log].
func (m *Memory) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.texts[name]
	if !ok {
		return nil, policylog.ErrMissing
	}
	return bytes.Clone(text), nil
}

// Follow implements [policylog.Log].
func (m *Memory) Follow(ctx context.Context, hand func(uint64, []byte) error, known func()) error {
	for at, told := 0, false; ; {
		m.mu.Lock()
		var next []byte
		if at < len(m.changes) {
			next = m.changes[at]
		}
		if m.more == nil {
			m.more = make(chan struct{})
		}
		more := m.more
		m.mu.Unlock()
		if next != nil {
			at++
			if err := hand(uint64(at), next); err != nil {
				return err
			}
			continue
		}
		if !told {
			told = true
			known()
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

// Edit overwrites change n, as somebody with access to the broker could.
func (m *Memory) Edit(n uint64, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes[n-1] = bytes.Clone(data)
}
