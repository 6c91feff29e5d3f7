package profile_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

const (
	hour = event.Millis(3_600_000)
	day  = 24 * hour
	noon = event.Millis(1_795_435_200_000)
)

func context(i uint32) *profile.Context {
	return &profile.Context{
		Network: profile.Path{0x4742, 2856, 1<<24 | i/4, 1<<8 | i%4}, Agent: profile.Path{1, 2, 3, 140 + i%3}, Device: uint64(i%12) + 1, Kind: event.Residential,
	}
}

// lived is a profile with some of everything.
func lived() *profile.Profile {
	p := &profile.Profile{}
	for i := range uint32(60) {
		t := noon + event.Millis(i)*day
		p.Advance(t)
		p.Recent.Add(profile.HashPair("//s", string(rune('a'+i))), t, t-day)
		p.Learn(context(i), t, 1)
		p.LearnAction(i%3, 7+i%40, t, 1)
		p.Rate.Add(t, i%5, p.Clock.Scale(t, profile.ActivityHalfLife))
		p.Volume.Add(float64(i % 9))
		p.LearnFailure(i%6, t, i)
		p.LearnSighting(profile.Sighting{Lat: int32(i%8) * 5000, Lon: int32(i) * 10, Radius: 20, At: t, Name: "Somewhere, XX"}, 1)
		p.LearnUnlikelyMove(int(i)%len(p.Places), 0, t, 1)
		j := p.OpenSession(uint64(i)+1, t)
		s := &p.Sessions[j]
		s.Context, s.LastAction = *context(i), i
		s.AddNovel(i)
		if i%2 == 0 {
			s.ID, s.State, s.Since = "session", profile.Required, t
			s.Challenge = profile.Challenge{ID: "ch_x", Revision: 3, Issued: t, Expires: t + 900_000, Score: 8123, Level: 2, AMR: "hwk", Rule: "r", Reasons: "a b", AllowOnExpiry: i%4 == 0, Scope: signal.Scope{Action: "apikey.create", Class: event.Sensitivity(i % 5)}}
			s.Held = profile.Held{At: t, Travel: 8000, Known: -12}
			s.Proof = profile.Proof{Level: 2, At: t + 1, Runtime: 9, Device: 10}
		}
	}
	p.Prompts = append(p.Prompts, noon, noon+1)
	return p
}

func TestNothingGrowsPastItsBound(t *testing.T) {
	t.Parallel()
	p := lived()
	for i := range uint32(5000) {
		tm := noon + event.Millis(i)*hour
		c := context(i)
		c.Network = profile.Path{i%9 + 1, i % 31, i, i}
		c.Agent = profile.Path{i % 5, i % 7, i, i}
		c.Device = uint64(i)
		p.Advance(tm)
		p.Learn(c, tm, 1)
		p.LearnAction(i, i*7, tm, 1)
		p.Recent.Add(uint64(i), tm, 0)
		p.OpenSession(uint64(i), tm)
		p.AddLesson(profile.Lesson{Session: uint64(i), At: tm, Hostile: i%3 == 0})
	}
	for _, b := range []struct {
		what     string
		got, max int
	}{
		{"networks", len(p.Networks.Nodes), profile.MaxNetworks},
		{"agents", len(p.Agents.Nodes), profile.MaxAgents},
		{"devices", len(p.Devices), profile.MaxDevices},
		{"actions", len(p.Actions.Single), profile.MaxActions},
		{"pairs", len(p.Actions.Pair), profile.MaxActions},
		{"places", len(p.Places), profile.MaxPlaces},
		{"moves", len(p.Moves), profile.MaxMoves}, {"lessons", len(p.Lessons), profile.MaxLessons},
		{"sessions", len(p.Sessions), profile.MaxSessions},
		{"failures", len(p.Failures), profile.MaxFailures},
		{"recent", p.Recent.Len(), profile.MaxRecent},
	} {
		if b.got > b.max {
			t.Errorf("%s: got %d, want at most %d", b.what, b.got, b.max)
		}
	}
}

func TestSessionsThatOweSomethingOutliveThoseThatDoNot(t *testing.T) {
	t.Parallel()
	p := &profile.Profile{}
	p.Advance(noon)
	p.Sessions[p.OpenSession(1, noon)].State = profile.Denied
	for i := range 100 {
		p.OpenSession(uint64(i)+10, noon+event.Millis(i+1)*1000)
	}
	if p.Session(1) < 0 {
		t.Error("opening sessions pushed out the one that is shut")
	}
	if p.Session(109) < 0 || p.Session(10) >= 0 {
		t.Error("want the idlest of the clear sessions gone, the newest kept")
	}
}

func TestCountsFadeByTheirHalfLife(t *testing.T) {
	t.Parallel()
	p := &profile.Profile{}
	p.Advance(noon)
	p.Learn(context(1), noon, 1)
	for _, years := range []event.Millis{0, 1, 2} { // also across moves of the landmark
		then := noon + 60*day + years*180*day
		p.Advance(then)
		got := float64(p.Networks.Nodes[0].Weight) / p.Clock.Scale(then, profile.NetworkHalfLife)
		want := math.Exp2(-float64(then-noon) / float64(profile.NetworkHalfLife))
		if math.Abs(got-want) > 0.03 {
			t.Errorf("%d days later: got %.3f, want %.3f of an observation", (then-noon)/day, got, want)
		}
	}
	p.Advance(noon + 80*365*day)
	if len(p.Networks.Nodes) != 0 {
		t.Error("after eighty years something is left")
	}
}

func TestAddressesInOneSixtyFourAreOne(t *testing.T) {
	t.Parallel()
	key := func(s string) [2]uint32 {
		p, h := profile.Address(netip.MustParseAddr(s))
		return [2]uint32{p, h}
	}
	if key("2a00:1:2:3::1") != key("2a00:1:2:3:ffff:ffff:ffff:ffff") {
		t.Error("two addresses of one /64 differ")
	}
	if a, b := key("2a00:1:2:3::1"), key("2a00:1:2:4::1"); a == b || a[0] != b[0] {
		t.Error("two /64 of one /48 must share the prefix only")
	}
	if key("::ffff:1.2.3.4") != key("1.2.3.4") {
		t.Error("a mapped IPv4 address is not the address itself")
	}
	if a, b := key("1.2.3.4"), key("1.2.4.4"); a[0] == b[0] {
		t.Error("two /24 share a prefix")
	}
	if p, h := profile.Address(netip.Addr{}); p != 0 || h != 0 {
		t.Error("no address must be unknown")
	}
}

func TestTreesStayTreesWhateverIsAddedAndEvicted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var tree profile.Tree
		limit := rapid.IntRange(4, 12).Draw(t, "limit")
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			var path profile.Path
			for i := range path {
				path[i] = rapid.Uint32Range(0, 3).Draw(t, "key")
			}
			tree.Add(path, rapid.Uint32Range(1, 1<<30).Draw(t, "weight"), limit)
			if len(tree.Nodes) > limit {
				t.Fatalf("%d nodes, want at most %d", len(tree.Nodes), limit)
			}
			for i, n := range tree.Nodes {
				if n.Parent != profile.NoParent && (int(n.Parent) >= i || tree.Nodes[n.Parent].Level >= n.Level) {
					t.Fatalf("node %d %+v lies above its parent", i, n)
				}
			}
		}
	})
}

func TestDistances(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		a, b       [2]int32
		want, near float64
	}{
		{"nowhere to go", [2]int32{51500, 0}, [2]int32{51500, 0}, 0, 0},
		{"London to New York", [2]int32{51507, -128}, [2]int32{40713, -74006}, 5570, 5},
		{"across the date line", [2]int32{-18140, 178440}, [2]int32{-13830, -171770}, 1145, 10},
		{"pole to pole", [2]int32{90000, 0}, [2]int32{-90000, 77000}, math.Pi * profile.EarthRadius, 0.01},
		{"antipodes on the equator", [2]int32{0, 0}, [2]int32{0, 180000}, math.Pi * profile.EarthRadius, 0.01},
	} {
		if got := profile.Distance(c.a[0], c.a[1], c.b[0], c.b[1]); math.Abs(got-c.want) > c.near {
			t.Errorf("%s: got %.2f km, want %.2f", c.name, got, c.want)
		}
	}
}

func TestTextsAreCopiedAndBounded(t *testing.T) {
	t.Parallel()
	if got := len(profile.Text(strings.Repeat("x", 9999))); got != profile.MaxText {
		t.Errorf("got %d bytes, want %d", got, profile.MaxText)
	}
}
