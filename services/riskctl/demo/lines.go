package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	batchMost = 512
	// pauseMS is what counts as a pause in a person's day, milliseconds.
	pauseMS = 10 * 60_000
)

type lineKey struct{ tenant, user string }

// line is one person's events in order of event time.
type line struct {
	items  []queuedItem
	open   time.Time // not before
	active bool
	// sent is when the last event was sent, and lastMS its event time: a pause in a person's day is long
	// enough for flags to arrive, also when days are short.
	sent   time.Time
	lastMS int64
}

type queuedItem struct {
	simulate.Item
	// follow marks what a flag brought about; it is sent as it is.
	follow bool
}

func (d *driver) line(k lineKey) *line {
	l := d.lines[k]
	if l == nil {
		l = &line{}
		d.lines[k] = l
	}
	return l
}

// enqueue keeps a line in order of event time; equal times keep the order of arrival.
func (d *driver) enqueue(l *line, it queuedItem) {
	i := len(l.items)
	for i > 0 && l.items[i-1].Event.TimeMs > it.Event.TimeMs {
		i--
	}
	l.items = slices.Insert(l.items, i, it)
	d.waiting++
	if !l.active {
		l.active = true
		d.active = append(d.active, l)
	}
}

// flush sends what is due.
func (d *driver) flush(ctx context.Context, now time.Time) error {
	d.batch = d.batch[:0]
	sim := d.simNow.Load()
	kept := d.active[:0]
	for _, l := range d.active {
		d.due(l, sim, now)
		if len(l.items) > 0 {
			kept = append(kept, l)
		} else {
			l.active, l.items = false, l.items[:0:0]
		}
	}
	clear(d.active[len(kept):])
	d.active = kept
	// Nearly in order of time over all people, in order for each of them.
	slices.SortStableFunc(d.batch, func(a, b *riskdv1.Event) int { return cmp.Compare(a.TimeMs, b.TimeMs) })
	for b := d.batch; len(b) > 0; {
		n := min(len(b), batchMost)
		for _, r := range d.road.PublishBatch(ctx, b[:n]) {
			switch {
			case r.Err == nil:
				d.sent.Add(1)
			case ctx.Err() != nil: // the end was asked for, by whatever means
				return nil
			default:
				return fmt.Errorf("sending events: %w", r.Err)
			}
		}
		b = b[n:]
	}
	return nil
}

// due moves a line's events into the batch until one makes it wait.
func (d *driver) due(l *line, sim int64, now time.Time) {
	for len(l.items) > 0 && !now.Before(l.open) && l.items[0].Event.TimeMs <= sim {
		it := l.items[0]
		if it.Event.TimeMs-l.lastMS > pauseMS && now.Before(l.sent.Add(d.gate)) {
			return
		}
		l.items[0] = queuedItem{}
		l.items = l.items[1:]
		d.waiting--
		if !it.follow {
			switch d.reactor.Admit(&it.Item) {
			case simulate.Drop:
				continue
			case simulate.Later:
				d.enqueue(l, it)
				continue
			}
		} else {
			d.reacted.Add(1)
		}
		d.batch = append(d.batch, it.Event)
		l.sent, l.lastMS = now, max(l.lastMS, it.Event.TimeMs)
		d.truths.note(it.Event, it.Truth)
		d.spoil.saw(it.Event)
		if raises(it.Event) {
			l.open = now.Add(d.gate)
		}
		d.remember(it.Event, now)
	}
}

// raises tells the events after which an app looks at the guard before it goes on.
func raises(ev *riskdv1.Event) bool {
	switch ev.Resource.GetSensitivity() {
	case "restricted", "critical":
		return true
	}
	return ev.Outcome == "challenged" || ev.Action == "auth.login" || ev.Action == "stepup.completed" || len(ev.Attributes) > 0
}
