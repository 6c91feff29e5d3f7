package simulate_test

import (
	"crypto/sha256"
	"errors"
	"math"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/simulate/simulatetest"
	"github.com/riskd-io/riskd/pkg/wire"
)

func TestMain(m *testing.M) {
	code := m.Run()
	simulatetest.Clean()
	os.Exit(code)
}

func config(users, days int) simulate.Config {
	c := simulate.DefaultConfig(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	c.Users, c.Start = users, c.End.AddDate(0, 0, -days)
	return c
}

func run(t *testing.T, c simulate.Config) []simulate.Item {
	t.Helper()
	w, err := simulate.New(c, simulatetest.Atlas(t))
	if err != nil {
		t.Fatal(err)
	}
	var out []simulate.Item
	for it := range w.Events() {
		out = append(out, it)
	}
	return out
}

func digest(t *testing.T, items []simulate.Item) [32]byte {
	t.Helper()
	h := sha256.New()
	for _, it := range items {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(it.Event)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
		h.Write([]byte(it.Truth.Kind + simulate.Kind(it.Truth.Note) + simulate.Kind(it.Truth.Attack)))
	}
	return [32]byte(h.Sum(nil))
}

func TestSameSeedGivesTheSameBytesAndAnotherSeedDoesNot(t *testing.T) {
	c := config(60, 9)
	first, second := digest(t, run(t, c)), digest(t, run(t, c))
	if first != second {
		t.Error("two runs of one seed differ")
	}
	c.Seed++
	if other := digest(t, run(t, c)); other == first {
		t.Error("another seed gave the same world")
	}
}

func TestEveryEventIsValidInOrderAndUnique(t *testing.T) {
	for _, world := range simulate.Worlds() {
		t.Run(world, func(t *testing.T) {
			c := config(40, 8)
			c.World = world
			items := run(t, c)
			if len(items) < 2000 {
				t.Fatalf("got %d events, want a busy week", len(items))
			}
			ids, last := map[string]bool{}, int64(0)
			for _, it := range items {
				ev := it.Event
				if ev.TimeMs < last {
					t.Fatalf("event %s goes back in time", ev.Id)
				}
				last = ev.TimeMs
				if ids[ev.Id] {
					t.Fatalf("event id %s twice", ev.Id)
				}
				ids[ev.Id] = true
				if err := wire.Validate(ev); err != nil {
					t.Fatalf("event %v: %v", ev, err)
				}
				if ev.TimeMs < c.Start.UnixMilli() || ev.TimeMs >= c.End.UnixMilli() {
					t.Fatalf("event at %d is outside of the simulated time", ev.TimeMs)
				}
			}
		})
	}
}

func TestHistoriesBeginWithAFirstLoginAndSessionsWithALogin(t *testing.T) {
	open := map[string]bool{}
	known := map[string]bool{}
	for _, it := range run(t, config(80, 10)) {
		ev := it.Event
		if it.Truth.Kind != simulate.Honest {
			continue
		}
		if !known[ev.User.Id] && ev.Action != "auth.login" {
			t.Fatalf("%s begins with %s, want auth.login", ev.User.Id, ev.Action)
		}
		known[ev.User.Id] = true
		s := ev.Session.GetId()
		if ev.Action == "auth.login" && ev.Outcome == "success" {
			open[s] = true
		} else if s != "" && !open[s] {
			t.Fatalf("session %s of %s acts before its login", s, ev.User.Id)
		}
	}
	if len(known) < 70 {
		t.Errorf("got %d of 80 people, want nearly all", len(known))
	}
}

func TestEveryAttackerComes(t *testing.T) {
	c := config(150, 20)
	seen := map[simulate.Kind]int{}
	for _, it := range run(t, c) {
		if it.Event.TimeMs < c.Start.UnixMilli()+int64(0.3*20*86400e3) && it.Truth.Kind != simulate.Honest {
			t.Fatalf("%s attacks during the warm-up", it.Truth.Kind)
		}
		seen[it.Truth.Kind]++
	}
	for _, k := range simulate.Attackers() {
		if seen[k] == 0 {
			t.Errorf("no %s attack", k)
		}
	}
}

// Honest people on their own connections obey physics; otherwise false alarms would be our own fault.
func TestHonestPeopleOnWifiDoNotTravelFasterThanPlanes(t *testing.T) {
	type place struct {
		town simulatetest.Town
		at   int64
	}
	// A carrier's gateway says little about where a phone is, a tunnel nothing.
	skip := map[string]bool{"cell": true, "vpn": true, "relay": true, "roaming": true, "company_exit": true, "plane": true}
	c := config(200, 25)
	c.World = simulate.Travellers
	c.Attacks = -1
	last := map[string]place{}
	moves := 0
	for _, it := range run(t, c) {
		ev := it.Event
		ip := netip.MustParseAddr(ev.Network.Ip)
		if skip[it.Truth.Net] || it.Truth.Note == "service" {
			continue
		}
		here, ok := simulatetest.PlaceOf(ip)
		if !ok {
			t.Fatalf("address %s is not in the world", ip)
		}
		was, seen := last[ev.User.Id]
		last[ev.User.Id] = place{here, ev.TimeMs}
		if !seen || was.town == here {
			continue
		}
		moves++
		if km, h := distance(was.town, here), float64(ev.TimeMs-was.at)/3.6e6; km/h > 900 {
			t.Fatalf("%s: %s to %s in %.2f h is %.0f km/h", ev.User.Id, was.town.Name, here.Name, h, km/h)
		}
	}
	if moves < 50 {
		t.Errorf("got %d moves between towns, want travellers to travel", moves)
	}
}

func distance(a, b simulatetest.Town) float64 {
	const rad = math.Pi / 180
	s1, s2 := math.Sin((b.Lat-a.Lat)*rad/2), math.Sin((b.Lon-a.Lon)*rad/2)
	return 2 * 6371 * math.Asin(math.Sqrt(s1*s1+math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*s2*s2))
}

func TestTruthStaysOutOfTheEvent(t *testing.T) {
	for _, it := range run(t, config(60, 10)) {
		text := it.Event.String()
		for _, word := range []string{"attack", "honest", "poison", "insider"} {
			if strings.Contains(text, word) {
				t.Fatalf("event tells the truth (%s): %s", word, text)
			}
		}
	}
}

func TestMissingGeoDataIsAClearError(t *testing.T) {
	if _, err := simulate.OpenAtlas("", ""); !errors.Is(err, simulate.ErrNoGeo) {
		t.Errorf("got %v, want ErrNoGeo", err)
	}
	if _, err := simulate.OpenAtlas("/nowhere/city.mmdb", "/nowhere/asn.mmdb"); !errors.Is(err, simulate.ErrNoGeo) || !strings.Contains(err.Error(), "/nowhere/city.mmdb") {
		t.Errorf("got %v, want ErrNoGeo naming the file", err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	err := simulate.Config{World: "flat"}.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, key := range []string{"world", "users", "end", "activity"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("error %q does not name %s", err, key)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	w, err := simulate.New(config(2000, 365), simulatetest.Atlas(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := w.Next(); !ok {
			b.Fatal("the year is over")
		}
	}
}
