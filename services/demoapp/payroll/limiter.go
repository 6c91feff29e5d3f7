package payroll

import (
	"sync"
	"time"
)

// maxLimited bounds how many names a limiter remembers. When it is full and nobody's time is over,
// new names are refused: a flood of names must not switch the limit off.
const maxLimited = 10_000

// limiter lets each name try a number of times per period.
type limiter struct {
	most   int
	period time.Duration
	now    func() time.Time

	mu    sync.Mutex
	tries map[string]*tally
}

type tally struct {
	n     int
	until time.Time
}

func newLimiter(most int, period time.Duration, now func() time.Time) *limiter {
	return &limiter{most: most, period: period, now: now, tries: map[string]*tally{}}
}

// allow counts a try and tells whether it may go on.
func (l *limiter) allow(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	t := l.tries[name]
	if t == nil || now.After(t.until) {
		if t == nil && len(l.tries) >= maxLimited {
			for k, old := range l.tries {
				if now.After(old.until) {
					delete(l.tries, k)
				}
			}
			if len(l.tries) >= maxLimited {
				return false
			}
		}
		t = &tally{until: now.Add(l.period)}
		l.tries[name] = t
	}
	t.n++
	return t.n <= l.most
}

// forgive forgets a name's tries, after one that was right.
func (l *limiter) forgive(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tries, name)
}
