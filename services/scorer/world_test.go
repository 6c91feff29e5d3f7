package scorer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("RISKD_TEST_CHILD"); dir != "" {
		child(dir)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "engine" { // of the chaos suite
		if err := engine.RunChild(context.Background(), engine.ChildOptions{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func testLog() *slog.Logger {
	if os.Getenv("RISKD_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

func newEngine(t testing.TB) *risk.Engine {
	t.Helper()
	e, err := makeEngine()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func makeEngine() (*risk.Engine, error) { return risk.New(policy.Default(), baseline.Default()) }

// enrichment is how the workers of these tests look things up: they know no places, but in the pipeline bench.
var enrichment enrich.Config

func newEnricher(t testing.TB) *enrich.Enricher {
	t.Helper()
	e, err := enrich.New(enrichment)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sectionsOf(en *enrich.Enricher) func(int) []Section {
	return func(n int) []Section { return []Section{en.Crowd(n)} }
}

// place is where users of the test world live or are said to be.
var (
	london = &riskdv1.Geo{Lat: 51.5, Lon: -0.12, AccuracyKm: 10, Country: "GB", City: "London"}
	tokyo  = &riskdv1.Geo{Lat: 35.68, Lon: 139.69, AccuracyKm: 10, Country: "JP", City: "Tokyo"}
)

// world makes events of a few users in event-time order per user: quiet days, now and then a login from the other side of
// the earth, challenges answered or not, receipts, and duplicates. A crowded one shares addresses and devices: what was
// counted across users then depends on how partitions went along, and is taken from the journal by foldAsJournaled.
type world struct {
	crowded bool
	rng     *rand.Rand
	users   int
	base    time.Time
	n       int
	last    []*riskdv1.Event
	clock   []time.Time
	dups    int
}

func newWorld(seed uint64, users int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), users: users, base: time.Now().Add(-10 * 24 * time.Hour),
		last: make([]*riskdv1.Event, users), clock: make([]time.Time, users)}
	for i := range w.clock {
		w.clock[i] = w.base.Add(time.Duration(w.rng.IntN(3600)) * time.Second)
	}
	return w
}

func (w *world) next() *riskdv1.Event {
	u := w.rng.IntN(w.users)
	w.n++
	if w.last[u] != nil && w.rng.IntN(50) == 0 {
		w.dups++
		return w.last[u]
	}
	w.clock[u] = w.clock[u].Add(time.Duration(30+w.rng.IntN(600)) * time.Second)
	ev := &riskdv1.Event{Id: fmt.Sprintf("e%d", w.n), Source: "//test", Type: "dev.riskd.activity.v1", TimeMs: w.clock[u].UnixMilli(),
		TenantId: "acme", User: &riskdv1.User{Id: fmt.Sprintf("user-%d", u)}, Session: &riskdv1.Session{Id: fmt.Sprintf("s%d-%d", u, w.n/200)},
		Action: "resource.read", Outcome: "success", Network: &riskdv1.Network{Geo: london, Asn: 64500, Kind: "residential"},
		Http: &riskdv1.Http{UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}}
	switch k := w.rng.IntN(20); {
	case k < 6:
		ev.Action = "auth.login"
	case k == 6:
		ev.Action, ev.Network = "auth.login", &riskdv1.Network{Geo: tokyo, Asn: 64999, Kind: "hosting"}
		ev.Session.Id = fmt.Sprintf("thief%d-%d", u, w.n)
	case k == 7:
		ev.Action, ev.Resource, ev.Outcome = "apikey.create", &riskdv1.Resource{Type: "apikey", Id: "k", Sensitivity: "critical"}, "challenged"
	case k == 8 && w.last[u] != nil:
		prev := w.last[u]
		ev.Type, ev.Action = "dev.riskd.stepup.completed.v1", "stepup.completed"
		ev.Session = &riskdv1.Session{Id: prev.Session.Id, Acr: "aal2", Amr: []string{"pwd", "otp"}, AuthTimeMs: ev.TimeMs}
		ev.ChallengeId = subject.ChallengeID("acme", prev.Session.Id, prev.Source, prev.Id)
	case k == 9:
		ev.Outcome = "failure"
		ev.Action = "auth.login"
	}
	if w.crowded {
		ev.Network = proto.CloneOf(ev.Network)
		ev.Network.Ip = fmt.Sprintf("198.51.100.%d", w.rng.IntN(40))
		ev.Device = &riskdv1.Device{Id: fmt.Sprintf("d%d", w.rng.IntN(60))}
	}
	w.last[u] = ev
	return ev
}

func (w *world) take(n int) []*riskdv1.Event {
	out := make([]*riskdv1.Event, n)
	for i := range out {
		out[i] = w.next()
	}
	return out
}

func publishAll(t testing.TB, pub *natsjs.Publisher, evs []*riskdv1.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for start := 0; start < len(evs); start += 500 {
		for i, r := range pub.PublishBatch(ctx, evs[start:min(start+500, len(evs))]) {
			if r.Err != nil {
				t.Fatalf("event %d: %v", start+i, r.Err)
			}
		}
	}
}

func newPublisher(t testing.TB, nc *nats.Conn, partitions int) *natsjs.Publisher {
	t.Helper()
	pub, err := natsjs.NewPublisher(nc, partitions, natsjs.PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return pub
}
