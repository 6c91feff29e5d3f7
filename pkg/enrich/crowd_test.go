package enrich

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type step struct {
	user, ip, device, outcome string
	sec                       int64
}

func (s step) event() *riskdv1.Event {
	ev := login(s.ip)
	ev.User.Id, ev.TimeMs = s.user, noon+s.sec*1000
	if s.outcome != "" {
		ev.Outcome = s.outcome
	}
	if s.device != "" {
		ev.Device = &riskdv1.Device{Id: s.device}
	}
	return ev
}

// testCrowd is one partition's, alone.
func testCrowd(keys int) *Crowd { return newCrowd(newSquare(), keys, new(stats)) }

func observe(c *Crowd, ev *riskdv1.Event) *riskdv1.Crowd {
	out := lookedAt(c, ev, noon)
	c.settle()
	return out
}

// lookedAt is what c counts of an event, as one looked up for a record in hand.
func lookedAt(c *Crowd, ev *riskdv1.Event, received int64) *riskdv1.Crowd {
	out := new(riskdv1.Crowd)
	if s := see(ev, wire.Addr(ev)); s.shows() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.observe(ev, &s, received, out)
	}
	return out
}

func TestTheCrowdCountsOthersWithinTheLastHour(t *testing.T) {
	c := testCrowd(1024)
	const ip, other = "198.51.100.7", "198.51.100.8"
	for i, s := range []struct {
		step
		want *riskdv1.Crowd
	}{
		{step{user: "a", ip: ip, device: "d", outcome: "failure"}, &riskdv1.Crowd{}},
		{step{user: "a", ip: ip, device: "d", sec: 1}, &riskdv1.Crowd{IpFailures: 1}},
		{step{user: "b", ip: ip, sec: 2, outcome: "failure"}, &riskdv1.Crowd{IpUsers: 1, IpFailedUsers: 1, IpFailures: 1}},
		{step{user: "c", ip: ip, device: "d", sec: 3}, &riskdv1.Crowd{IpUsers: 2, IpFailedUsers: 2, IpFailures: 2, DeviceUsers: 1}},
		{step{user: "c", ip: other, sec: 4}, &riskdv1.Crowd{}},
		{step{user: "a", ip: ip, sec: 3601}, &riskdv1.Crowd{IpUsers: 2, IpFailedUsers: 1, IpFailures: 0}}, // a's failure is long ago, b's still counts as a user
		{step{user: "z", ip: ip, sec: 9000}, &riskdv1.Crowd{}},
	} {
		if got := observe(c, s.event()); !proto.Equal(got, s.want) {
			t.Errorf("step %d: got %v, want %v", i, got, s.want)
		}
	}
}

func TestIPv6NeighboursInA64AreOneAddress(t *testing.T) {
	c := testCrowd(1024)
	observe(c, step{user: "a", ip: "2001:db8:1:2::1"}.event())
	if got := observe(c, step{user: "b", ip: "2001:db8:1:2:ffff::9", sec: 1}.event()).IpUsers; got != 1 {
		t.Errorf("got %d in the same /64, want 1", got)
	}
	if got := observe(c, step{user: "b", ip: "2001:db8:1:3::1", sec: 1}.event()).IpUsers; got != 0 {
		t.Errorf("got %d in another /64, want 0", got)
	}
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	c := testCrowd(1024)
	observe(c, step{user: "a", ip: "198.51.100.7", device: "d"}.event())
	ev := step{user: "b", ip: "198.51.100.7", device: "d"}.event()
	ev.TenantId = "other"
	if got := observe(c, ev); got.IpUsers != 0 || got.DeviceUsers != 0 {
		t.Errorf("got %v", got)
	}
}

func TestOnlyActivityCountsAndOnlyLoginsFail(t *testing.T) {
	c := testCrowd(1024)
	receipt := step{user: "a", ip: "198.51.100.7"}.event()
	receipt.Type = "dev.riskd.enforcement.v1"
	observe(c, receipt)
	read := step{user: "b", ip: "198.51.100.7", outcome: "failure"}.event()
	read.Action = "resource.read"
	if got := observe(c, read); got.IpUsers != 0 {
		t.Errorf("got %v, want the receipt not counted", got)
	}
	if got := observe(c, step{user: "c", ip: "198.51.100.7"}.event()); got.IpUsers != 1 || got.IpFailedUsers != 0 || got.IpFailures != 0 {
		t.Errorf("got %v, want one user and no failed login", got)
	}
}

func TestALateEventDoesNotSeeWhatCameAfterIt(t *testing.T) {
	c := testCrowd(1024)
	observe(c, step{user: "a", ip: "198.51.100.7", sec: 1000, outcome: "failure"}.event())
	if got := observe(c, step{user: "b", ip: "198.51.100.7", sec: 0}.event()); !proto.Equal(got, &riskdv1.Crowd{}) {
		t.Errorf("got %v", got)
	}
}

func TestASprayerSaturatesTheCountAndMemoryStaysBounded(t *testing.T) {
	c := testCrowd(64)
	var out *riskdv1.Crowd
	for i := range 10_000 {
		out = observe(c, step{user: fmt.Sprint("u", i), ip: "198.51.100.7", outcome: "failure", device: fmt.Sprint("d", i)}.event())
	}
	if out.IpUsers < crowdUsers-1 || out.IpFailures != 9999 {
		t.Errorf("got %v, want at least %d users and 9999 failures", out, crowdUsers-1)
	}
	if c.stats.crowdFull.Load() == 0 || c.stats.crowdEvicted.Load() == 0 {
		t.Error("evictions were not counted")
	}
	spots := 0
	for i := range c.square.shards {
		spots += c.square.shards[i].spots.n
	}
	if spots != c.spots || spots > 64 || c.visits > 64*crowdVisits {
		t.Errorf("got %d addresses and devices in memory, %d counted with %d users, want at most 64", spots, c.spots, c.visits)
	}
}

func TestTheSameEventsInTheSameOrderGiveTheSameCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				user:    rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "user"),
				ip:      rapid.SampledFrom([]string{"198.51.100.7", "198.51.100.8", "2001:db8::1"}).Draw(t, "ip"),
				device:  rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "device"),
				outcome: rapid.SampledFrom([]string{"success", "failure"}).Draw(t, "outcome"),
				sec:     rapid.Int64Range(0, 10000).Draw(t, "sec"),
			}
		}), 0, 60).Draw(rt, "steps")
		one, two := testCrowd(16), testCrowd(16)
		for i, s := range steps {
			a, b := observe(one, s.event()), observe(two, s.event())
			if !proto.Equal(a, b) {
				rt.Fatalf("step %d: %v and %v", i, a, b)
			}
			if a.IpFailedUsers > a.IpUsers || a.IpUsers > 3 || a.DeviceUsers > 3 {
				rt.Fatalf("step %d: impossible counts %v", i, a)
			}
		}
	})
}
