package demo

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
)

// delaysKept bounds the delays remembered: the newest.
const delaysKept = 512

// heard is a change that the guard told of, what held then, and when.
type heard struct {
	sdk.GuardEvent
	verdict sdk.Verdict
	at      time.Time
}

// delays are how long flags took lately, from sending the event to the guard in the app. Safe for concurrent use.
type delays struct {
	mu   sync.Mutex
	ring []time.Duration
	next int
}

func (d *delays) add(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ring) < delaysKept {
		d.ring = append(d.ring, took)
		return
	}
	d.ring[d.next] = took
	d.next = (d.next + 1) % delaysKept
}

// forget begins anew, when what comes is not comparable with what was.
func (d *delays) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ring, d.next = d.ring[:0], 0
}

// quantile of what is remembered, q from 0 to 1; 0 when there is nothing.
func (d *delays) quantile(q float64) time.Duration {
	d.mu.Lock()
	sorted := slices.Clone(d.ring)
	d.mu.Unlock()
	if len(sorted) == 0 {
		return 0
	}
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// String is the median and the slow ones, as people read them.
func (d *delays) String() string {
	half := d.quantile(0.5)
	if half == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (99 of 100 after %s)", rounded(half), rounded(d.quantile(0.99)))
}

// rounded leaves three digits at most.
func rounded(t time.Duration) time.Duration {
	switch {
	case t < 10*time.Millisecond:
		return t.Round(100 * time.Microsecond)
	case t < time.Second:
		return t.Round(time.Millisecond)
	}
	return t.Round(10 * time.Millisecond)
}
