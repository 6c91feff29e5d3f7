package enrich

import "math"

// spot is what one partition saw on one address or device.
type spot struct {
	key   uint64
	crowd *Crowd
	peer  *spot // the same key in another partition; guarded by the key's lock, as are users and fails
	users []visit
	few   [2]visit // where users are as long as there are no more: nearly always, and it saves the collector half of the work
	fails *[failureSlices]tally

	newer, older *spot
	touched      uint32 // broker time, seconds
	round        uint32 // in which it was saved last
	listed       bool
}

type visit struct {
	user         uint32
	seen, failed uint32 // last time, seconds of event time; 0 is never
}

type tally struct {
	slice uint32 // time / failureSlice
	n     uint32
}

func recent(t, now uint32) bool { return t != 0 && t <= now && now-t < crowdWindow }

// look counts users apart from this one over the spots of all partitions, and failed logins in slices of five
// minutes: between 55 and 60 minutes back.
func (g *spot) look(user, now uint32) (seen, failed, failures uint32) {
	last := now / failureSlice
	for ; g != nil && seen < crowdEnough; g = g.peer {
		for i := range g.users {
			v := &g.users[i]
			if v.user == user {
				continue
			}
			late := recent(v.failed, now) // seen again after a late event's time, but known to have failed before
			if late {
				failed++
			}
			if late || recent(v.seen, now) {
				seen++
			}
		}
		if g.fails == nil {
			continue
		}
		for _, t := range g.fails {
			if t.n > 0 && t.slice <= last && last-t.slice < failureSlices-1 {
				failures += t.n
			}
		}
	}
	return seen, failed, failures
}

func (g *spot) see(c *Crowd, s *sighting, failed bool) {
	v := g.visit(c, s.user, s.now)
	v.seen = max(v.seen, s.now)
	if !failed {
		return
	}
	v.failed = max(v.failed, s.now)
	if g.fails == nil {
		g.fails = new([failureSlices]tally)
	}
	slice := s.now / failureSlice
	t := &g.fails[slice%failureSlices]
	switch {
	case t.slice == slice:
		t.n += min(s.times, math.MaxUint32-t.n)
	case t.slice < slice || t.n == 0: // a late event does not wipe a newer slice
		*t = tally{slice, s.times}
	}
}

// visit finds the user's slot, or takes a new one: a forgotten user's before the oldest one's.
func (g *spot) visit(c *Crowd, user, now uint32) *visit {
	oldest := -1
	for i := range g.users {
		v := &g.users[i]
		if v.user == user {
			return v
		}
		if oldest < 0 || v.seen < g.users[oldest].seen {
			oldest = i
		}
	}
	if len(g.users) < crowdUsers && (oldest < 0 || recent(g.users[oldest].seen, now) || g.users[oldest].seen > now) {
		g.users = append(g.users, visit{user: user})
		return &g.users[len(g.users)-1]
	}
	if recent(g.users[oldest].seen, now) {
		c.stats.crowdFull.Add(1)
	}
	g.users[oldest] = visit{user: user}
	return &g.users[oldest]
}
