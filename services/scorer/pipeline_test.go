package scorer

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
)

// cost is what reading or judging a number of stored events took, server included.
type cost struct {
	Rate float64 `json:"events_per_second"`
	CPU  float64 `json:"cpu_seconds_per_million"`
	// Broker is the part of CPU that a broker in a process of its own has used.
	Broker float64 `json:"broker_cpu_seconds_per_million,omitempty"`
	Bytes  float64 `json:"bytes_per_event"`
}

// pipeline is the whole report; its JSON lies beside the page.
type pipeline struct {
	Broker string `json:"broker"`
	// Note says what shares the machine, and how it was measured.
	Note    string    `json:"note"`
	Machine string    `json:"machine"`
	At      time.Time `json:"at"`
	Main    drained   `json:"main"`
	// RatioRaw and RatioRelay are the scorer's rate to those of raw and of the relay: of the rounds' ratios the middle one each, as each of Main's
	// costs is the middle one of the rounds'.
	RatioRaw   float64 `json:"scorer_to_raw"`
	RatioRelay float64 `json:"scorer_to_relay"`
	// Drains are these rounds; Rounds those that Latency has the middle one of, by p99 to the relay's.
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
	// drainEvents take some seconds to be judged. Of 200,000, which take one, a worker's start and the first sight of its users were an eighth.
	drainEvents = 800_000
	sweepEvents = 200_000
	// drainRounds is how often raw, relay and scorer, and pipelineRounds how often relay and scorer at a rate, are measured one after the other. The
	// machine is never the same for ten seconds: what lies in the middle is reported, and all rounds are listed.
	drainRounds, pipelineRounds = 7, 5
)

// TestPipeline is `make bench-pipeline`: what riskd costs beside what its broker costs, in one run on one machine.
// RISKD_PIPELINE names the directory that the page goes to. The last line of pipeline.txt there is for scripts.
func TestPipeline(t *testing.T) {
	dir := os.Getenv("RISKD_PIPELINE")
	if dir == "" {
		t.Skip("a benchmark of 13 minutes: make bench-pipeline")
	}
	touch(service.KeepHeapRoom(0)) // as riskd does
	r := newPipeline("nats", "Server and worker are processes of their own on the same machine")
	say := progress()
	r.compare(drains(t, pipelinePartitions, 10_000, drainEvents, drainRounds))
	r.Own = judgeAlone(t, pipelineEvents, 10_000, DefaultConfig().BatchEvents)
	t.Logf("the worker's own part: %+v", r.Own)
	say("raw, relay and scorer")
	r.Bare = new(drainBare(t, pipelinePartitions, 10_000, sweepEvents))
	say("the same with bare events")
	for _, p := range []int{1, 8, 64} {
		r.Partitions = append(r.Partitions, drains(t, p, 10_000, sweepEvents, 1)...)
		say(fmt.Sprintf("partitions: %d", p))
	}
	r.Users = append(r.Users, r.Main, drains(t, pipelinePartitions, 100_000, sweepEvents, 1)[0])
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

// compare makes rounds the report's.
func (r *pipeline) compare(rounds []drained) {
	if r.Main = rounds[0]; len(rounds) > 1 {
		r.Drains = rounds
	}
	for _, of := range []func(*drained) *cost{
		func(d *drained) *cost { return &d.Raw }, func(d *drained) *cost { return &d.Tapped }, func(d *drained) *cost { return &d.Relay },
		func(d *drained) *cost { return &d.Stock }, func(d *drained) *cost { return &d.Scorer },
	} {
		round := middle(rounds, func(d drained) float64 { return of(&d).Rate })
		*of(&r.Main) = *of(&round)
	}
	r.Main.First = middle(rounds, func(d drained) float64 { return d.First }).First
	toRaw, toRelay := func(d drained) float64 { return d.Scorer.Rate / d.Raw.Rate }, func(d drained) float64 { return d.Scorer.Rate / d.Relay.Rate }
	r.RatioRaw, r.RatioRelay = toRaw(middle(rounds, toRaw)), toRelay(middle(rounds, toRelay))
}

func (r *pipeline) line() string {
	m := r.Main
	return fmt.Sprintf("pipeline: raw=%.0f relay=%.0f scorer=%.0f ratio_raw=%.2f ratio_relay=%.2f full=%.0f p99_ms_5k=%.1f p99_ms_20k=%.1f takeover_s=%.1f restart_1m_s=%.1f rss_per_user_bytes=%.0f",
		m.Raw.Rate, m.Relay.Rate, m.Scorer.Rate, r.RatioRaw, r.RatioRelay, r.Full.Rate,
		r.Latency[0].Scorer.P99, r.Latency[1].Scorer.P99, r.Takeover, r.Restart, r.RSSPerUser)
}

// measure runs do over n stored events. What was done before leaves no work to the collector.
func measure(n int, do func()) cost {
	runtime.GC()
	cpu, began := cpuSeconds(), time.Now()
	do()
	return cost{Rate: float64(n) / time.Since(began).Seconds(), CPU: (cpuSeconds() - cpu) / float64(n) * 1e6}
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
