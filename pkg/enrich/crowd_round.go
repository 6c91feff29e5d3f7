package enrich

import (
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Take makes the scored events of a stored record count, in the order of its entries. When they are exactly those that were looked up,
// as they are unless an event was a duplicate, late or dead, all is counted already.
func (c *Crowd) Take(rec *riskdv1.JournalRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isAsked(rec.Entries) {
		c.discard()
		for _, e := range rec.Entries {
			if e.Status != riskdv1.JournalEntry_STATUS_SCORED || e.Event == nil {
				continue
			}
			if s := see(e.Event, wire.Addr(e.Event)); s.shows() && s.counts {
				c.count(&s, e.Enrichment.GetReceivedMs(), nil)
			}
		}
	}
	c.keep()
}

func (c *Crowd) isAsked(entries []*riskdv1.JournalEntry) bool {
	next := 0
	for _, e := range entries {
		if e.Status == riskdv1.JournalEntry_STATUS_SCORED && next < len(c.asked) && c.asked[next] == e.Event {
			next++
		}
	}
	return c.looked > 0 && next == len(c.asked)
}

// keep makes what was counted the state, and lets go of what is idle or too much; c.mu is held.
func (c *Crowd) keep() {
	for i := range c.saved {
		c.visits += len(c.saved[i].spot.users) - (c.saved[i].v1 - c.saved[i].v0)
	}
	for _, g := range c.touched {
		c.list(g)
	}
	c.forgetRound()
	for c.oldest != nil && (c.spots > c.keys || c.visits > c.keys*crowdVisits || c.oldest.touched+crowdIdle < c.clock) {
		if c.oldest.touched+crowdIdle >= c.clock {
			c.stats.crowdEvicted.Add(1)
		}
		c.drop(c.oldest)
	}
}

// settle keeps what was looked up.
func (c *Crowd) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep()
}

// Discard undoes what was looked up for a record that was not stored.
func (c *Crowd) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discard()
}

func (c *Crowd) discard() {
	c.clock = c.before
	for i := range c.saved {
		sv := &c.saved[i]
		g := sv.spot
		sh := c.square.shard(g.key)
		sh.Lock()
		if sv.fresh {
			c.unlink(g)
		} else {
			g.users = append(g.users[:0], c.savedV[sv.v0:sv.v1]...)
			if sv.fails < 0 {
				g.fails = nil
			} else {
				*g.fails = c.savedF[sv.fails]
			}
			g.touched = sv.touched
		}
		sh.Unlock()
	}
	c.forgetRound()
}

func (c *Crowd) forgetRound() {
	clear(c.asked)
	clear(c.touched)
	clear(c.saved)
	c.asked, c.touched, c.saved, c.savedV, c.savedF = c.asked[:0], c.touched[:0], c.saved[:0], c.savedV[:0], c.savedF[:0]
	c.looked, c.before = 0, c.clock
	c.round++
}
