package scorer

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// cost is what reading or judging a number of stored events took, server included.
type cost struct {
	Rate float64 `json:"events_per_second"`
	CPU  float64 `json:"cpu_seconds_per_million"`
	// Broker is the part of CPU that a broker in a process of its own has used.
	Broker float64 `json:"broker_cpu_seconds_per_million,omitempty"`
	Bytes  float64 `json:"bytes_per_event"`
}

// drained compares the three ways over the same stored events: (a) raw, (b) relay, (c) scorer.
type drained struct {
	Partitions int  `json:"partitions"`
	Users      int  `json:"users"`
	Events     int  `json:"events"`
	Raw        cost `json:"raw"`
	// Tapped is raw as riskd itself reads: past the client library.
	Tapped cost `json:"raw_tapped"`
	// Relay decodes and encodes as the scorer does, Stock with generated code; both read as any consumer does.
	Relay  cost `json:"relay"`
	Stock  cost `json:"relay_of_stock_parts"`
	Scorer cost `json:"scorer"`
	// Signals of the scorer for 1000 events.
	Signals float64 `json:"signals_per_thousand"`
}

// pipeline is the whole report; its JSON lies beside the page.
type pipeline struct {
	Broker string `json:"broker"`
	// Note says what shares the machine, and how it was measured.
	Note    string    `json:"note"`
	Machine string    `json:"machine"`
	At      time.Time `json:"at"`
	Main    drained   `json:"main"`
	// Drains are the rounds that Main is the middle one of, by scorer to raw; Rounds those of Latency, by p99 to the relay's.
	Drains []drained     `json:"drains,omitempty"`
	Rounds []latencyPair `json:"latency_rounds,omitempty"`
	// Bare is Main with events of half the size, once.
	Bare *drained `json:"bare,omitempty"`
	// Own is the scorer's part in Main without reading and storing: reading and this, one after the other, is what it cannot go below.
	Own        cost          `json:"own"`
	Partitions []drained     `json:"by_partitions"`
	Users      []drained     `json:"by_users"`
	Latency    []latencyPair `json:"latency"`
	Full       cost          `json:"full"`
	FullScorer float64       `json:"full_scorer_events_per_second"`
	Takeover   float64       `json:"takeover_seconds"`
	Restart    float64       `json:"restart_seconds"`
	RSSPerUser float64       `json:"rss_per_user_bytes"`
	Million    int           `json:"restart_users"`
	// Restore is how fast the users' state comes back from the broker, beside a bare consumer that reads the same bytes. Only on Kafka.
	Restore *restored `json:"restore,omitempty"`
}

const (
	pipelinePartitions = 32
	pipelineEvents     = 200_000
	sweepEvents        = 100_000
	// pipelineRounds is how often raw, relay and scorer, and relay and scorer at a rate, are measured one after the other. The machine
	// is never the same for ten seconds: the middle round is reported, and all are listed.
	pipelineRounds = 5
)

// TestPipeline is `make bench-pipeline`: what riskd costs beside what its broker costs, in one run on one machine.
// RISKD_PIPELINE names the directory that the page goes to. The last line of pipeline.txt there is for scripts.
func TestPipeline(t *testing.T) {
	dir := os.Getenv("RISKD_PIPELINE")
	if dir == "" {
		t.Skip("a benchmark of eight minutes: make bench-pipeline")
	}
	touch(service.KeepHeapRoom(0)) // as riskd does
	r := newPipeline("nats", "Server and worker are processes of their own on the same machine")
	say := progress()
	for range pipelineRounds {
		r.Drains = append(r.Drains, drainAll(t, pipelinePartitions, 10_000, pipelineEvents))
		t.Logf("drain: %+v", r.Drains[len(r.Drains)-1])
	}
	r.Main = middle(r.Drains, func(d drained) float64 { return d.Scorer.Rate / d.Raw.Rate })
	r.Own = judgeAlone(t, pipelineEvents, 10_000, DefaultConfig().BatchEvents)
	t.Logf("the worker's own part: %+v", r.Own)
	say("raw, relay and scorer")
	r.Bare = new(drainBare(t, pipelinePartitions, 10_000, pipelineEvents))
	say("the same with bare events")
	for _, p := range []int{1, 8, 64} {
		r.Partitions = append(r.Partitions, drainAll(t, p, 10_000, sweepEvents))
		say(fmt.Sprintf("partitions: %d", p))
	}
	r.Users = append(r.Users, r.Main, drainAll(t, pipelinePartitions, 100_000, pipelineEvents))
	say("100,000 users")
	for _, rate := range []int{5000, 20000, 50000, int(0.9 * r.Main.Scorer.Rate)} {
		var rounds []latencyPair
		for range latencyRounds(rate) {
			rounds = append(rounds, latencies(t, rate))
			t.Logf("latency: %+v", rounds[len(rounds)-1])
		}
		r.Rounds = append(r.Rounds, rounds...)
		r.Latency = append(r.Latency, middle(rounds, func(l latencyPair) float64 { return l.Scorer.P99 / l.Relay.P99 }))
		say(fmt.Sprintf("latency at %d/s", rate))
	}
	r.full(t, storedInNATS)
	say("all of riskd, into ClickHouse")
	r.million(t, r.Million)
	say(fmt.Sprintf("restart and takeover with %d users", r.Million))
	if err := r.write(dir, "pipeline"); err != nil {
		t.Fatal(err)
	}
}

// newPipeline begins a report. RISKD_PIPELINE_USERS is for how many users a restart is measured, RISKD_DATA where the geo data is.
func newPipeline(broker, note string) *pipeline {
	million := 1_000_000
	if s := os.Getenv("RISKD_PIPELINE_USERS"); s != "" {
		million, _ = strconv.Atoi(s)
	}
	useGeoData()
	return &pipeline{Broker: broker, Note: note, Machine: machine(), At: time.Now().UTC().Truncate(time.Second), Million: million}
}

// useGeoData lets the workers look up places and networks where RISKD_DATA has the files.
func useGeoData() {
	if data := os.Getenv("RISKD_DATA"); exists(filepath.Join(data, "geo", "GeoLite2-City.mmdb")) {
		geo := filepath.Join(data, "geo")
		enrichment = enrich.Config{City: filepath.Join(geo, "GeoLite2-City.mmdb"), ASN: filepath.Join(geo, "asn.mmdb")}
	}
}

// progress tells a person who waits what is done; go test holds back what tests print.
func progress() func(done string) {
	log, err := os.OpenFile(os.Getenv("RISKD_PIPELINE_PROGRESS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return func(string) {}
	}
	began := time.Now()
	return func(done string) { fmt.Fprintf(log, "    %3.0f s  %s\n", time.Since(began).Seconds(), done) }
}

// middle is the round whose ratio lies in the middle.
func middle[T any](rounds []T, ratio func(T) float64) T {
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b T) int { return cmp.Compare(ratio(a), ratio(b)) })
	return sorted[len(sorted)/2]
}

func (r *pipeline) line() string {
	m := r.Main
	return fmt.Sprintf("pipeline: raw=%.0f relay=%.0f scorer=%.0f ratio_raw=%.2f ratio_relay=%.2f full=%.0f p99_ms_5k=%.1f p99_ms_20k=%.1f takeover_s=%.1f restart_1m_s=%.1f rss_per_user_bytes=%.0f",
		m.Raw.Rate, m.Relay.Rate, m.Scorer.Rate, m.Scorer.Rate/m.Raw.Rate, m.Scorer.Rate/m.Relay.Rate, r.Full.Rate,
		r.Latency[0].Scorer.P99, r.Latency[1].Scorer.P99, r.Takeover, r.Restart, r.RSSPerUser)
}

// fillBroker stores events in the input; it returns their payload bytes per event.
func fillBroker(t testing.TB, b *natstest.Broker, evs []*riskdv1.Event) float64 {
	t.Helper()
	pub, err := natsjs.NewPublisher(b.Conn, b.Topo.Partitions, natsjs.PublisherConfig{MaxPending: 8192})
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for start := 0; start < len(evs); start += 8192 {
		chunk := evs[start:min(start+8192, len(evs))]
		for i, r := range pub.PublishBatch(t.Context(), chunk) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			size += chunk[i].SizeVT()
		}
	}
	return float64(size) / float64(len(evs))
}

// throughLibrary connects as any consumer does: all messages come through nats.go, none past it.
func throughLibrary(t testing.TB, b *natstest.Broker) jetstream.JetStream {
	t.Helper()
	nc, err := b.Connect(t.Name(), nats.SetCustomDialer(&net.Dialer{Timeout: 5 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// measure runs do over n stored events. What was done before leaves no work to the collector.
func measure(n int, do func()) cost {
	runtime.GC()
	cpu, began := cpuSeconds(), time.Now()
	do()
	return cost{Rate: float64(n) / time.Since(began).Seconds(), CPU: (cpuSeconds() - cpu) / float64(n) * 1e6}
}

func drainAll(t *testing.T, partitions, users, n int) drained {
	return drain(t, fmt.Sprintf("drain partitions=%d users=%d", partitions, users), partitions, users, pipelineEventsOf(n, users))
}

// drainBare is drainAll of events of half the size: with the least that apps send.
func drainBare(t *testing.T, partitions, users, n int) drained {
	source := newPipelineSource(users)
	source.bare = true
	return drain(t, "drain bare events", partitions, users, source.take(n))
}

func drain(t *testing.T, name string, partitions, users int, evs []*riskdv1.Event) (out drained) {
	t.Run(name, func(t *testing.T) {
		n := len(evs)
		b := startAway(t, partitions)
		payload := fillBroker(t, b.Broker, evs)
		evs = nil
		out = drained{Partitions: partitions, Users: users, Events: n}
		lib := throughLibrary(t, b.Broker)
		out.Raw = b.measure(n, func() { eachPartition(partitions, func(p int) { relay(t, lib, p, nil) }) })
		out.Raw.Bytes = payload
		out.Tapped = b.measure(n, func() { eachPartition(partitions, func(p int) { relay(t, b.JS, p, nil) }) })
		// In either order, by chance.
		for to, recorder := range map[*cost]func() recorder{&out.Relay: riskdsRecords, &out.Stock: stockRecords} {
			*to = b.measure(n, func() { eachPartition(partitions, func(p int) { relay(t, lib, p, recorder()) }) })
			to.Bytes = journalBytes(t, b.JS, partitions) / float64(n)
			recreateJournals(t, b.JS, partitions)
		}
		en := newEnricher(t) // reads 66 MB: that belongs to a start, which is timed by itself
		var w *worker
		stop := profileTo(t, strings.ReplaceAll("scorer "+name, " ", "-"))
		out.Scorer = b.measure(n, func() {
			w = startWorkerWith(t, b.URL(), DefaultConfig(), en)
			for committed(w) < n {
				time.Sleep(2 * time.Millisecond)
			}
		})
		stop()
		out.Scorer.Bytes = journalBytes(t, b.JS, partitions) / float64(n)
		w.stop(t)
		out.Signals = float64(streamMessages(t, b.JS, subject.SignalsStream)) / float64(n) * 1000
	})
	return out
}

// profileTo takes a CPU profile until the returned function is called, if RISKD_PIPELINE_PROFILE names a directory.
func profileTo(t testing.TB, name string) (stop func()) {
	dir := os.Getenv("RISKD_PIPELINE_PROFILE")
	if dir == "" {
		return func() {}
	}
	f, err := os.Create(filepath.Join(dir, name+".cpu"))
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { pprof.StopCPUProfile(); f.Close() }
}

func streamMessages(t testing.TB, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	_, n, err := natsjs.LastSeq(t.Context(), js, stream)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func journalBytes(t testing.TB, js jetstream.JetStream, partitions int) (sum float64) {
	for p := range partitions {
		s, err := js.Stream(t.Context(), subject.JournalStream(p))
		if err != nil {
			t.Fatal(err)
		}
		sum += float64(s.CachedInfo().State.Bytes)
	}
	return sum
}

// recreateJournals lets the scorer start from nothing after a relay wrote there.
func recreateJournals(t testing.TB, js jetstream.JetStream, partitions int) {
	t.Helper()
	for p := range partitions {
		s, err := js.Stream(t.Context(), subject.JournalStream(p))
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		if err := js.DeleteStream(t.Context(), cfg.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// million measures the restart after a graceful stop, and the takeover of a killed worker's partitions, at that many
// users: until an event in each partition, sent meanwhile, is judged.
func (r *pipeline) million(t *testing.T, users int) {
	t.Run("users=1M", func(t *testing.T) {
		b := startAway(t, pipelinePartitions)
		out := drained{Partitions: pipelinePartitions, Users: users, Events: users}
		evs := pipelineEventsOf(users, users)
		for i, ev := range evs { // everybody once
			ev.User = &riskdv1.User{Id: "u" + strconv.Itoa(i)}
			ev.Device = &riskdv1.Device{Id: "device-of-u" + strconv.Itoa(i)}
		}
		out.Raw.Bytes = fillBroker(t, b.Broker, evs)
		evs = nil
		lib := throughLibrary(t, b.Broker)
		out.Raw.Rate = b.measure(users, func() { eachPartition(pipelinePartitions, func(p int) { relay(t, lib, p, nil) }) }).Rate
		w := startWorker(t, b.URL(), DefaultConfig())
		c := b.measure(users, func() {
			for committed(w) < users {
				time.Sleep(2 * time.Millisecond)
			}
		})
		out.Scorer, out.Scorer.Bytes = c, journalBytes(t, b.JS, pipelinePartitions)/float64(users)
		w.cfg.StopWait = time.Minute // all of a million pages at once
		w.stop(t)
		r.Users = append(r.Users, out)

		began := time.Now()
		a := spawn(t, "default "+b.URL())
		r.probe(t, b.Broker)
		r.Restart = time.Since(began).Seconds()
		time.Sleep(2 * time.Second) // until the buffers of the load are given back
		r.RSSPerUser = float64(residentBytes(a.Process.Pid)) / float64(users)
		spawn(t, "default "+b.URL())
		natstest.Eventually(t, "the second worker has its half", func() bool { return len(owners(t, b.JS, pipelinePartitions)) == 2 })
		time.Sleep(time.Second)
		r.probe(t, b.Broker)
		began = time.Now()
		kill9(a)
		r.probe(t, b.Broker)
		r.Takeover = time.Since(began).Seconds()
	})
	t.Logf("restart %.2f s, takeover %.2f s, %.0f B of memory per user", r.Restart, r.Takeover, r.RSSPerUser)
}

// owners counts the partitions by who wrote last.
func owners(t testing.TB, js jetstream.JetStream, partitions int) map[string]int {
	out := map[string]int{}
	for p := range partitions {
		if s, ok, err := natsjs.LastRecord(t.Context(), js, p); err == nil && ok {
			out[s.Record.Owner]++
		}
	}
	return out
}

// probe sends one event into each partition and waits until all are judged.
func (r *pipeline) probe(t testing.TB, b *natstest.Broker) {
	t.Helper()
	pub := newPublisher(t, b.Conn, b.Topo.Partitions)
	taken := map[int]bool{}
	var evs []*riskdv1.Event
	for i := 0; len(taken) < b.Topo.Partitions; i++ {
		user := "probe" + strconv.Itoa(i)
		if p := subject.Partition("acme", user, b.Topo.Partitions); !taken[p] {
			taken[p] = true
			evs = append(evs, &riskdv1.Event{Id: "probe" + strconv.FormatInt(time.Now().UnixNano(), 36) + user, Source: "//probe", Type: "dev.riskd.activity.v1",
				TimeMs: time.Now().UnixMilli(), TenantId: "acme", User: &riskdv1.User{Id: user}, Action: "resource.read", Outcome: "success"})
		}
	}
	publishAll(t, pub, evs)
	waitDrained(t, b.JS, b.Topo.Partitions)
}
