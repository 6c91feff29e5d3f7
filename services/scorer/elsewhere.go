package scorer

import (
	"strings"
	"sync"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// adviceEvery is how often the log says what to do about events that lie in other partitions than expected.
const adviceEvery = time.Minute

// elsewhere counts the events of a batch that lie in another partition than riskd's own producers would have used, and keeps the first.
type elsewhere struct {
	events, expected int
	source, id       string
}

// look compares where an event lies with where it would have been put.
func (e *elsewhere) look(lies, expected int, ev *riskdv1.Event) {
	if lies == expected {
		return
	}
	if e.events++; e.events == 1 {
		e.expected, e.source, e.id = expected, strings.Clone(ev.Source), strings.Clone(ev.Id)
	}
}

// advice is what to do about them; it is given now and then.
type advice struct {
	text string

	mu    sync.Mutex
	given time.Time
}

// give counts a stored batch's and tells about the first.
func (a *advice) give(p *partition, e *elsewhere) {
	if e.events == 0 {
		return
	}
	p.s.metrics.elsewhere.Add(float64(e.events))
	a.mu.Lock()
	now := time.Now()
	due := now.Sub(a.given) > adviceEvery
	if due {
		a.given = now
	}
	a.mu.Unlock()
	if due {
		p.s.deps.Log.Warn("events lie in another partition than expected: "+a.text, "partition", p.n, "expected", e.expected,
			"source", e.source, "event", e.id)
	}
}
