package natsjs

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// maxWrote bounds how many entries of each half a [wrote] remembers: about 1 KiB each.
const maxWrote = 4096

// wrote remembers the entries that a [Flags] wrote last. Whoever changes a session's flag nearly always wrote the one before: then
// the write that is guarded by its sequence needs no reading first. It may be wrong about what is stored now; the
// guard finds out. Safe for concurrent use; the zero value is empty.
type wrote struct {
	mu sync.Mutex
	// Those of young have been used since old was young, so the ones that leave are the longest unused.
	young, old map[string]*Message
}

// last is what was written last under key, nil when that is not known.
func (w *wrote) last(key string) *Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.young[key]; m != nil {
		return m
	}
	m := w.old[key]
	if m != nil {
		w.put(key, m)
	}
	return m
}

// keep remembers what was stored under key. The message must not change.
func (w *wrote) keep(key string, msg *nats.Msg, seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(key, &Message{Seq: seq, Data: msg.Data, lib: msg})
}

func (w *wrote) put(key string, m *Message) {
	if w.young == nil || len(w.young) >= maxWrote {
		w.young, w.old = make(map[string]*Message), w.young
	}
	w.young[key] = m
}

// forget drops what is no longer true.
func (w *wrote) forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.young, key)
	delete(w.old, key)
}
