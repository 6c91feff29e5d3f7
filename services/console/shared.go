package console

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// maxShared bounds how many different pages are held; beyond it, pages are answered without sharing.
const maxShared = 64

// shared gives the same answer to all who ask for the same within a moment: many tabs cost ClickHouse what one does.
// Errors are not kept. It is safe for concurrent use.
type shared struct {
	ttl   time.Duration
	m     *metrics
	mu    sync.Mutex
	pages map[string]*answer
}

// answer is a page that is being made, and then made.
type answer struct {
	done chan struct{}
	p    page
	err  error
	at   time.Time // when it was made; zero while it is
}

func newShared(ttl time.Duration, m *metrics) *shared {
	return &shared{ttl: ttl, m: m, pages: map[string]*answer{}}
}

var errGaveUp = errors.New("the page was not finished")

// page wraps a handler. Who asks first makes the page, and finishes it for the others even when gone.
func (c *shared) page(h func(*http.Request) (page, error)) func(*http.Request) (page, error) {
	return func(r *http.Request) (page, error) {
		q := r.URL.Query()
		q.Del("fragment") // the same data, with or without the page around it
		key := r.URL.Path + "?" + q.Encode()
		a, mine := c.take(key)
		switch {
		case a == nil:
			c.m.shared.WithLabelValues("full").Inc()
			return h(r)
		case !mine:
			select {
			case <-a.done:
				c.m.shared.WithLabelValues("shared").Inc()
				return a.p, a.err
			case <-r.Context().Done():
				return page{}, r.Context().Err()
			}
		}
		c.m.shared.WithLabelValues("asked").Inc()
		a.err = errGaveUp // unless the handler returns
		defer func() {
			c.mu.Lock()
			a.at = time.Now()
			if a.err != nil {
				delete(c.pages, key)
			}
			c.mu.Unlock()
			close(a.done)
		}()
		a.p, a.err = h(r.WithContext(context.WithoutCancel(r.Context())))
		return a.p, a.err
	}
}

// take is the answer for a key, and whether the caller has to make it; nil when there is no room.
func (c *shared) take(key string) (a *answer, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.pages[key]; a != nil && (a.at.IsZero() || time.Since(a.at) < c.ttl) {
		return a, false
	}
	if len(c.pages) >= maxShared {
		for k, old := range c.pages {
			if !old.at.IsZero() && time.Since(old.at) >= c.ttl {
				delete(c.pages, k)
			}
		}
		if len(c.pages) >= maxShared {
			return nil, false
		}
	}
	a = &answer{done: make(chan struct{})}
	c.pages[key] = a
	return a, true
}
