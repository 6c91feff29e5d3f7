//go:build chaos && unix

package scorer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// TestDurability measures what surviving more costs: events per second from publisher to journal, and the time from a publish to its
// journal record, for the three settings of pkg/adr/014. RISKD_DURABILITY=1 runs it; the disk is that of TMPDIR.
func TestDurability(t *testing.T) {
	if os.Getenv("RISKD_DURABILITY") == "" {
		t.Skip("a benchmark of two minutes: RISKD_DURABILITY=1")
	}
	const partitions, events, rate = 8, 40_000, 200
	for round := range 2 {
		for _, setting := range []string{"default", "always", "three"} {
			t.Run(fmt.Sprint(setting, round), func(t *testing.T) {
				url := durable(t, setting, partitions)
				w := startWorker(t, url, DefaultConfig())
				w.ready(t)
				c := eventuallyConnect(t, url)
				pub := newPublisher(t, c.Conn, partitions)
				world := newWorld(uint64(round+1), 2000)
				publishAll(t, pub, world.take(2000))
				waitDrained(t, c.js, partitions)
				evs := world.take(events)
				began := time.Now()
				publishAll(t, pub, evs)
				waitDrained(t, c.js, partitions)
				drained := float64(events) / time.Since(began).Seconds()
				lat := commitLatencies(t, c, pub, world, partitions, 4*rate, rate)
				t.Logf("durability: setting=%s events_per_s=%.0f commit_p50_ms=%.1f commit_p99_ms=%.1f at %d/s", setting, drained,
					lat[len(lat)/2].Seconds()*1e3, lat[len(lat)*99/100].Seconds()*1e3, rate)
			})
		}
	}
}

// durable starts a broker of a setting.
func durable(t *testing.T, setting string, partitions int) (url string) {
	topo := natsjs.DefaultTopology()
	topo.Partitions = partitions
	if setting != "three" {
		cfg := natsjs.DefaultEmbeddedConfig()
		cfg.Listen, cfg.Dir, cfg.Sync = "127.0.0.1:0", t.TempDir(), natsjs.Sync(setting)
		emb, err := natsjs.StartEmbedded(cfg, testLog())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(emb.Stop)
		if _, err := emb.Setup(t.Context(), topo); err != nil {
			t.Fatal(err)
		}
		return emb.URL()
	}
	in := &installation{t: t}
	var clients, routes []string
	for range in.nodes {
		clients, routes = append(clients, servicetest.FreeAddress(t)), append(routes, servicetest.FreeAddress(t))
	}
	for i := range in.nodes {
		n := &in.nodes[i]
		n.monitor, n.dir = servicetest.FreeAddress(t), t.TempDir()
		n.cmd = spawn(t, fmt.Sprintf("node n%d %s %s %s %s %s", i, clients[i], routes[i], n.monitor, filepath.Join(n.dir, "js"), strings.Join(routes, ",")))
	}
	for i := range in.nodes {
		in.healthy(&in.nodes[i], time.Minute)
	}
	url = "nats://" + strings.Join(clients, ",nats://")
	topo.Replicas = chaosNodes
	c := eventuallyConnect(t, url)
	retry(t, "making the streams", func() error { _, err := natsjs.Ensure(t.Context(), c.js, topo); return err })
	return url
}

// commitLatencies publishes single events at a rate and measures each until its record is read from the journal.
func commitLatencies(t *testing.T, c *connection, pub *natsjs.Publisher, world *world, partitions, n, rate int) []time.Duration {
	t.Helper()
	sent := make(map[string]time.Time, n)
	evs := make([]*riskdv1.Event, 0, n)
	for len(evs) < n { // duplicates have no decision
		ev := world.next()
		if _, known := sent[ev.Id]; !known {
			sent[ev.Id] = time.Time{}
			evs = append(evs, ev)
		}
	}
	seen := make(chan string, n)
	at := make(chan time.Time, n)
	for p := range partitions {
		last, _, err := natsjs.LastRecord(t.Context(), c.js, p)
		if err != nil {
			t.Fatal(err)
		}
		r := natsjs.NewJournalReader(c.js)
		t.Cleanup(r.Close)
		go func() {
			for from := last.Seq; ; {
				recs, err := r.Next(t.Context(), p, from, 100)
				if err != nil {
					return
				}
				now := time.Now()
				for _, s := range recs {
					from = s.Seq
					for _, e := range s.Record.Entries {
						if e.Decision != nil {
							seen <- e.Decision.EventId
							at <- now
						}
					}
				}
			}
		}()
	}
	time.Sleep(200 * time.Millisecond)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	begun := make([]time.Time, n)
	go func() {
		for i, ev := range evs {
			<-tick.C
			begun[i] = time.Now()
			go func() { _, _ = pub.Publish(t.Context(), ev) }()
		}
	}()
	index := make(map[string]int, n)
	for i, ev := range evs {
		index[ev.Id] = i
	}
	var out []time.Duration
	for deadline := time.After(time.Minute); len(out) < n*95/100; { // a late or dead one has no decision
		select {
		case id := <-seen:
			now := <-at
			if i, mine := index[id]; mine && !begun[i].IsZero() {
				out = append(out, now.Sub(begun[i]))
			}
		case <-deadline:
			t.Fatalf("only %d of %d events were seen in the journal (input ends at %s)", len(out), n, subject.EventsStream(0))
		}
	}
	slices.Sort(out)
	return out
}
