package console

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
)

// maxShared bounds how many different answers are held; beyond it, questions are answered without sharing.
const maxShared = 64

// shared gives the same answer to all who ask the same within a moment: many tabs cost ClickHouse what one does.
// Errors are not kept. It is safe for concurrent use.
type shared struct {
	ttl   time.Duration
	m     *metrics
	mu    sync.Mutex
	byKey map[string]*sharing
}

// sharing is an answer that is being made, and then made.
type sharing struct {
	done chan struct{}
	v    any
	err  error
	at   time.Time // when it was made; zero while it is
}

func newShared(ttl time.Duration, m *metrics) *shared {
	return &shared{ttl: ttl, m: m, byKey: map[string]*sharing{}}
}

var errGaveUp = errors.New("the answer was not finished")

// answer wraps a question. Who asks first makes the answer, and finishes it for the others even when gone. All who may
// ask get the same: what depends on the person must not be shared.
func (c *shared) answer(h answer) func(*http.Request, signin.Person) (any, error) {
	return func(r *http.Request, _ signin.Person) (any, error) {
		path := r.URL.Path
		if path == "/api/live/stream" {
			path = "/api/live" // the same, said in another way
		}
		key := path + "?" + r.URL.Query().Encode()
		a, mine := c.take(key)
		switch {
		case a == nil:
			c.m.shared.WithLabelValues("full").Inc()
			return h(r)
		case !mine:
			select {
			case <-a.done:
				c.m.shared.WithLabelValues("shared").Inc()
				return a.v, a.err
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		c.m.shared.WithLabelValues("asked").Inc()
		a.err = errGaveUp // unless the handler returns
		defer func() {
			c.mu.Lock()
			a.at = time.Now()
			if a.err != nil {
				delete(c.byKey, key)
			}
			c.mu.Unlock()
			close(a.done)
		}()
		a.v, a.err = h(r.WithContext(context.WithoutCancel(r.Context())))
		return a.v, a.err
	}
}

// take is the answer for a key, and whether the caller has to make it; nil when there is no room.
func (c *shared) take(key string) (a *sharing, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.byKey[key]; a != nil && (a.at.IsZero() || time.Since(a.at) < c.ttl) {
		return a, false
	}
	if len(c.byKey) >= maxShared {
		for k, old := range c.byKey {
			if !old.at.IsZero() && time.Since(old.at) >= c.ttl {
				delete(c.byKey, k)
			}
		}
		if len(c.byKey) >= maxShared {
			return nil, false
		}
	}
	a = &sharing{done: make(chan struct{})}
	c.byKey[key] = a
	return a, true
}
