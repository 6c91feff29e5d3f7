package signin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// attempts at once, and then one each attemptEvery.
	attempts     = 6
	attemptEvery = 30 * time.Second
	// maxLimited bounds how many names and addresses are told apart; beyond it all new ones share one.
	maxLimited = 10_000
)

// limiter slows down who guesses, by name and by address.
type limiter struct {
	mu   sync.Mutex
	by   map[string]*rate.Limiter
	rest *rate.Limiter
}

func newLimiter() *limiter {
	return &limiter{by: map[string]*rate.Limiter{}, rest: rate.NewLimiter(rate.Every(time.Second), attempts)}
}

// allow takes one attempt of each; all must have one.
func (l *limiter) allow(now time.Time, keys ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := true
	for _, k := range keys {
		if len(k) > 2*maxName {
			k = k[:2*maxName]
		}
		b := l.by[k]
		if b == nil {
			if b = l.rest; l.room(now) {
				b = rate.NewLimiter(rate.Every(attemptEvery), attempts)
				l.by[k] = b
			}
		}
		ok = b.AllowN(now, 1) && ok
	}
	return ok
}

// room drops those that have all their attempts back.
func (l *limiter) room(now time.Time) bool {
	if len(l.by) < maxLimited {
		return true
	}
	for k, b := range l.by {
		if b.TokensAt(now) >= attempts {
			delete(l.by, k)
		}
	}
	return len(l.by) < maxLimited
}

// forget gives the attempts back after a success.
func (l *limiter) forget(keys ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		delete(l.by, k)
	}
}
