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
	// crowdUsers is how many users of one partition one address or device can hold; a count that reaches it
	// means "at least". Enough to tell an office from a sprayer, small enough to walk.
	crowdUsers = 64
	// crowdEnough ends a look-up over many partitions: whoever has seen this many users has seen enough.
	crowdEnough = 256
	// crowdVisits bounds the users held over all addresses and devices of a partition, per key allowed.
	crowdVisits = 4
	// crowdIdle is how long an address or device stays without an event, seconds of the broker's time.
	crowdIdle = 2 * crowdWindow
	// crowdShards is how many locks share the keys.
	crowdShards = 64

	failureSlice  = 300 // seconds
	failureSlices = crowdWindow/failureSlice + 1
)

// Crowd counts, for one partition, who was seen on an address (IPv6: its /64) or device within the last hour of event
// time. What it holds is a function of the partition's journal alone: [Crowd.Take] gets every record, live and in a
// replay, and its stored form is a section of the partition's state. So a new owner counts on exactly.
//
// A look-up adds up the counts of all partitions that this process knows. That is exact, because
// every user belongs to one partition. Counts stay inside a tenant. What was counted for an event is stored with
// it, so a replay of decisions never asks a crowd.
//
// It is safe for concurrent use; a partition has one writer.
type Crowd struct {
	square *square
	stats  *stats
	keys   int // bound

	mu sync.Mutex
	// newest to oldest is the order in which spots were last touched; the oldest leave first.
	newest, oldest *spot
	spots, visits  int
	clock          uint32 // latest broker time, seconds

	// What the events looked up since the last stored record did.
	round   uint32
	before  uint32 // clock before them
	looked  int
	asked   []*riskdv1.Event // those that count
	touched []*spot
	saved   []saved
	savedV  []visit
	savedF  [][failureSlices]tally
}

// square is the place where the crowds of all partitions meet.
type square struct {
	shards [crowdShards]shard
}

type shard struct {
	sync.Mutex
	spots spots
}

func (q *square) shard(key uint64) *shard { return &q.shards[key%crowdShards] }

// saved is a spot as it was before the events looked up last.
type saved struct {
	spot    *spot
	v0, v1  int
	fails   int // in savedF, -1: none
	touched uint32
	fresh   bool
}

func newSquare() *square { return new(square) }

func newCrowd(on *square, keys int, s *stats) *Crowd {
	return &Crowd{square: on, keys: keys, stats: s, round: 1}
}

// sighting is what of an event a crowd looks at.
type sighting struct {
	ip, device uint64 // 0: none
	user       uint32
	now        uint32
	counts     bool // else it only looks
	failed     bool
	times      uint32
}

// shows tells that there is something to look at.
func (s *sighting) shows() bool { return s.ip != 0 || s.device != 0 }

func see(ev *riskdv1.Event, addr netip.Addr) (s sighting) {
	if ev.TimeMs <= 0 {
		return s
	}
	tenant := xxhash.Sum64String(ev.TenantId)
	s = sighting{
		user: uint32(mix(xxhash.Sum64String(ev.User.GetId()) ^ tenant)), now: uint32(ev.TimeMs / 1000),
		counts: ev.Type == "dev.riskd.activity.v1", times: max(ev.Count, 1),
		failed: ev.Action == "auth.login" && (ev.Outcome == "failure" || ev.Outcome == "denied"),
	}
	if addr.IsValid() {
		s.ip = max(addressKey(addr, tenant), 1)
	}
	if d := ev.Device.GetId(); d != "" {
		s.device = max(mix(xxhash.Sum64String(d)^tenant^deviceKeys), 1)
	}
	return s
}

// deviceKeys keeps devices and addresses apart in one map.
const deviceKeys = 0x5851f42d4c957f2d

func addressKey(addr netip.Addr, tenant uint64) uint64 {
	b := addr.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if addr.Is6() {
		lo = 0
	}
	return mix(mix(hi^tenant) ^ lo)
}

// observe fills out with the counts before ev, then counts ev, of which s is what it shows. What it counts is kept by Take and undone by
// Discard; c.mu is held.
func (c *Crowd) observe(ev *riskdv1.Event, s *sighting, receivedMS int64, out *riskdv1.Crowd) {
	c.count(s, receivedMS, out)
	c.looked++
	if s.counts {
		c.asked = append(c.asked, ev)
	}
}

// count looks up, when out is not nil, and counts; c.mu is held.
func (c *Crowd) count(s *sighting, receivedMS int64, out *riskdv1.Crowd) {
	at := uint32(max(receivedMS, 0) / 1000)
	if s.ip != 0 {
		sh := c.square.shard(s.ip)
		sh.Lock()
		first := sh.spots.get(s.ip)
		if out != nil {
			out.IpUsers, out.IpFailedUsers, out.IpFailures = first.look(s.user, s.now)
		}
		if s.counts {
			c.touch(first, s.ip, at).see(c, s, s.failed)
		}
		sh.Unlock()
	}
	if s.device != 0 {
		sh := c.square.shard(s.device)
		sh.Lock()
		first := sh.spots.get(s.device)
		if out != nil {
			out.DeviceUsers, _, _ = first.look(s.user, s.now)
		}
		if s.counts {
			c.touch(first, s.device, at).see(c, s, false)
		}
		sh.Unlock()
	}
	if s.counts {
		c.clock = max(c.clock, at)
	}
}

// askSlots asks for the memory that address and device are looked for in, askSpots some time after that for their spots'.
func (q *square) askSlots(s *sighting) {
	if s.ip != 0 {
		q.shard(s.ip).spots.askSlot(s.ip)
	}
	if s.device != 0 {
		q.shard(s.device).spots.askSlot(s.device)
	}
}

func (q *square) askSpots(s *sighting) {
	if s.ip != 0 {
		q.shard(s.ip).spots.askSpot(s.ip)
	}
	if s.device != 0 {
		q.shard(s.device).spots.askSpot(s.device)
	}
}

// touch returns the crowd's own spot of a key, as something about to change. The key's lock is held.
func (c *Crowd) touch(first *spot, key uint64, at uint32) *spot {
	g := first
	for g != nil && g.crowd != c {
		g = g.peer
	}
	fresh := g == nil
	if fresh {
		g = &spot{key: key, crowd: c}
		g.users = g.few[:0]
		if first == nil {
			c.square.shard(key).spots.put(key, g)
		} else {
			g.peer, first.peer = first.peer, g
		}
	}
	if g.round != c.round {
		g.round = c.round
		sv := saved{spot: g, v0: len(c.savedV), fails: -1, touched: g.touched, fresh: fresh}
		c.savedV = append(c.savedV, g.users...)
		sv.v1 = len(c.savedV)
		if g.fails != nil {
			sv.fails = len(c.savedF)
			c.savedF = append(c.savedF, *g.fails)
		}
		c.saved = append(c.saved, sv)
	}
	g.touched = max(g.touched, at)
	c.touched = append(c.touched, g)
	return g
}
