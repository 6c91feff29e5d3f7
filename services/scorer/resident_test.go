package scorer

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

const (
	residentUsers      = 1_000_000
	residentPartitions = 32
	residentLogins     = 50
)

// BenchmarkAMillionUsersResident keeps a million users in the scorer's store, 32 partitions of it, each with 50 logins
// of history that grew login by login, and reports what the process then has resident. Two hundred lives are lived through the real
// engine; each is told to 5,000 users. Run it alone and once: -bench AMillionUsers -benchtime 1x.
func BenchmarkAMillionUsersResident(b *testing.B) {
	for range b.N {
		lives, total := livedLives(b)
		runtime.GC()
		stores := make([]*store, residentPartitions)
		for i := range stores {
			stores[i] = newStore()
		}
		var key []byte
		for stage := range len(lives[0]) {
			for u := range residentUsers {
				key = appendKey(key[:0], "acme", "u"+strconv.Itoa(u))
				if err := stores[u%residentPartitions].put(hashKey(key), key, lives[u%len(lives)][stage], int64(stage)); err != nil {
					b.Fatal(err)
				}
			}
		}
		held, users := 0, 0
		for _, s := range stores {
			held, users = held+s.bytes, users+s.users
		}
		if users != residentUsers {
			b.Fatalf("%d users are held", users)
		}
		debug.FreeOSMemory()
		rss := residentNow(b)
		b.ReportMetric(float64(total)/float64(len(lives)), "profile-B/user")
		b.ReportMetric(float64(held)/residentUsers, "store-B/user")
		b.ReportMetric(float64(rss)/residentUsers, "rss-B/user")
		b.ReportMetric(float64(rss)/(1<<30), "rss-GiB")
		runtime.KeepAlive(stores)
	}
}

// livedLives are encoded profiles after 1, 5, 12, 25 and 50 logins, and the sum of the last ones' sizes.
func livedLives(b *testing.B) (lives [][][]byte, total int) {
	engine, err := risk.New(policy.Default(), baseline.Default())
	if err != nil {
		b.Fatal(err)
	}
	const lived, start, day = 200, event.Millis(1_795_435_200_000), event.Millis(24 * 3600 * 1000)
	for who := range lived {
		var p profile.Profile
		var d decision.Decision
		var stages [][]byte
		for i := range residentLogins {
			at := start + event.Millis(i)*day + event.Millis((who*31+i*17)%9)*day/24
			ev := event.Event{
				ID: fmt.Sprintf("e%d-%d", who, i), Source: "//bench", Type: event.Activity, Time: at, Received: at, Tenant: "acme",
				User: event.User{ID: "u"}, Session: event.Session{ID: fmt.Sprintf("s%d-%d", who, i)}, Device: fmt.Sprintf("d%d-%d", who, i%(1+who%3)),
				Network: event.Network{
					IP: netip.AddrFrom4([4]byte{81, byte(who), byte(i % (1 + who%4)), byte(10 + i%(1+who%5))}), ASN: 2856 + uint32(i%(1+who%3)), Kind: event.Residential,
					Place: event.Place{Known: true, Lat: 51.5 + float64(i%(1+who%2)), Lon: -0.1, RadiusKM: 20, Country: "GB", City: "London"},
				},
				Agent:  event.AgentInfo{Raw: "x", Class: "desktop", OS: "Windows", Browser: "Chrome", BrowserMajor: 140 + uint32(i/14)},
				Action: "auth.login", Outcome: event.Success, Count: 1,
			}
			engine.Step(&p, &ev, &d)
			switch i + 1 {
			case 1, 5, 12, 25, residentLogins:
				stages = append(stages, p.AppendBinary(nil))
			}
		}
		lives = append(lives, stages)
		total += len(stages[len(stages)-1])
	}
	return lives, total
}

// residentNow is what the kernel says this process has in memory.
func residentNow(b *testing.B) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc here: ", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
