package enrich

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/cespare/xxhash/v2"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// crowdWindow is how far back the counters look, seconds of event time.
	crowdWindow = 3600
	// crowdUsers is how many users one address or device can hold; a count that reaches it means
	// "at least". Enough to tell an office from a sprayer, small enough to walk.
	crowdUsers = 64
	// crowdShards is how many locks share the keys.
	crowdShards = 16

	failureSlice  = 300 // seconds
	failureSlices = crowdWindow/failureSlice + 1
)

// crowd counts who else was seen on an address (IPv6: its /64) or device within the last hour of
// event time. Counts stay inside a tenant. They live in this process alone: scorers that share the
// partitions each see their own part, and a restart begins anew; what was counted for an event is
// stored with it, so replay never needs them. Given the same events in the same order, the counts
// are the same.
type crowd struct {
	ips, devices [crowdShards]shard
}

func newCrowd(keys int) *crowd {
	c := new(crowd)
	half := max(1, keys/crowdShards/2)
	for i := range crowdShards {
		c.ips[i] = shard{half: half, young: map[uint64]*group{}}
		c.devices[i] = shard{half: half, young: map[uint64]*group{}}
	}
	return c
}

// observe fills out with the counts before ev, then counts ev.
func (c *crowd) observe(ev *riskdv1.Event, addr netip.Addr, out *riskdv1.Crowd, s *stats) {
	if ev.TimeMs <= 0 {
		return
	}
	now := uint32(ev.TimeMs / 1000)
	counts := ev.Type == "dev.riskd.activity.v1"
	failed := ev.Action == "auth.login" && (ev.Outcome == "failure" || ev.Outcome == "denied")
	tenant := xxhash.Sum64String(ev.TenantId)
	user := uint32(mix(xxhash.Sum64String(ev.User.GetId()) ^ tenant))

	if addr.IsValid() {
		key := addressKey(addr, tenant)
		sh := &c.ips[key%crowdShards]
		sh.Lock()
		g := sh.find(key, counts, s)
		if g != nil {
			out.IpUsers, out.IpFailedUsers = g.others(user, now)
			out.IpFailures = g.failures(now)
			if counts {
				g.see(user, now, failed, max(ev.Count, 1), s)
			}
		}
		sh.Unlock()
	}
	if d := ev.Device.GetId(); d != "" {
		key := mix(xxhash.Sum64String(d) ^ tenant)
		sh := &c.devices[key%crowdShards]
		sh.Lock()
		g := sh.find(key, counts, s)
		if g != nil {
			out.DeviceUsers, _ = g.others(user, now)
			if counts {
				g.see(user, now, false, 0, s)
			}
		}
		sh.Unlock()
	}
}

func addressKey(addr netip.Addr, tenant uint64) uint64 {
	b := addr.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if addr.Is6() {
		lo = 0
	}
	return mix(mix(hi^tenant) ^ lo)
}

// shard holds groups in two generations: when the young one is full, the old one is dropped and
// the young one becomes old; a group in use moves back to the young. So the longest unseen leave.
type shard struct {
	sync.Mutex
	half       int
	young, old map[uint64]*group
}

func (s *shard) find(key uint64, create bool, st *stats) *group {
	if g := s.young[key]; g != nil {
		return g
	}
	g := s.old[key]
	if g == nil {
		if !create {
			return nil
		}
		g = new(group)
	}
	delete(s.old, key)
	if len(s.young) >= s.half {
		st.crowdEvicted.Add(uint64(len(s.old)))
		s.old, s.young = s.young, make(map[uint64]*group, s.half)
	}
	s.young[key] = g
	return g
}

// group is what was seen on one address or device.
type group struct {
	users []visit
	fails *[failureSlices]tally
}

type visit struct {
	user         uint32
	seen, failed uint32 // last time, seconds; 0 is never
}

type tally struct {
	slice uint32 // time / failureSlice
	n     uint32
}

func recent(t, now uint32) bool { return t != 0 && t <= now && now-t < crowdWindow }

// others counts users apart from this one.
func (g *group) others(user, now uint32) (seen, failed uint32) {
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
	return seen, failed
}

// failures counts failed logins in slices of five minutes: between 55 and 60 minutes back.
func (g *group) failures(now uint32) uint32 {
	if g.fails == nil {
		return 0
	}
	var n uint32
	last := now / failureSlice
	for _, t := range g.fails {
		if t.n > 0 && t.slice <= last && last-t.slice < failureSlices-1 {
			n += t.n
		}
	}
	return n
}

func (g *group) see(user, now uint32, failed bool, count uint32, s *stats) {
	v := g.visit(user, now, s)
	v.seen = max(v.seen, now)
	if !failed {
		return
	}
	v.failed = max(v.failed, now)
	if g.fails == nil {
		g.fails = new([failureSlices]tally)
	}
	slice := now / failureSlice
	t := &g.fails[slice%failureSlices]
	switch {
	case t.slice == slice:
		t.n += count
	case t.slice < slice || t.n == 0: // a late event does not wipe a newer slice
		*t = tally{slice, count}
	}
}

// visit finds the user's slot, or takes a new one: a forgotten user's before the oldest one's.
func (g *group) visit(user, now uint32, s *stats) *visit {
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
		s.crowdFull.Add(1)
	}
	g.users[oldest] = visit{user: user}
	return &g.users[oldest]
}
