package scorer

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// stored are events that the whole of riskd is to be run on.
type stored struct {
	events int
	bytes  float64  // of an event
	args   []string // of riskd, so that it finds them
	// cpu is what a broker has used that is a process of its own.
	cpu func() float64
}

// storedInNATS leaves events for the server that is in riskd's own process.
func storedInNATS(t *testing.T, dir string) (s stored) {
	s = stored{events: pipelineEvents, args: []string{"-nats-listen", servicetest.FreeAddress(t)}, cpu: func() float64 { return 0 }}
	t.Run("fill", func(t *testing.T) { // the server ends with the subtest and leaves its files
		b := natstest.StartIn(t, filepath.Join(dir, "nats"), pipelinePartitions)
		s.bytes = fillBroker(t, b, pipelineEventsOf(s.events, 10_000))
	})
	return s
}

// full runs the whole of riskd as it is built, on stored events: broker, scorer with geo data, sink, engine, gateway, signaler and
// console in their processes. It is done when the last decision is in ClickHouse. RISKD_BIN names the program, RISKD_DATA the
// data directory with the engine and the geo data.
func (r *pipeline) full(t *testing.T, store func(t *testing.T, dir string) stored) {
	t.Run("full", func(t *testing.T) {
		bin, data := os.Getenv("RISKD_BIN"), os.Getenv("RISKD_DATA")
		lib := filepath.Join(data, "engine", "libchdb.so")
		if _, err := os.Stat(lib); bin == "" || err != nil {
			t.Skip("needs RISKD_BIN and the engine in RISKD_DATA: make bench-pipeline sets both")
		}
		dir := t.TempDir()
		in := store(t, dir)
		n, before := float64(in.events), in.cpu()
		r.Full.Bytes = in.bytes
		admin := servicetest.FreeAddress(t)
		cmd := exec.Command(bin, "-data", dir, "-libchdb", lib, "-log-level", "warn", "-admin-listen", admin,
			"-gateway-listen", servicetest.FreeAddress(t), "-console-listen", servicetest.FreeAddress(t), "-clickhouse-listen", servicetest.FreeAddress(t))
		cmd.Args = append(cmd.Args, in.args...)
		for flag, name := range map[string]string{"-geo-city": "GeoLite2-City.mmdb", "-geo-asn": "asn.mmdb"} {
			if path := filepath.Join(data, "geo", name); exists(path) {
				cmd.Args = append(cmd.Args, flag, path)
			}
		}
		cmd.Stderr, cmd.Env = os.Stderr, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kill9(cmd) })
		var began, scored time.Time
		var head, scoredHead float64
		for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not done after 90 s: %v", scrape(admin))
			}
			m := scrape(admin)
			judged, rows := m[`riskd_scorer_events_total{status="scored"}`]+m[`riskd_scorer_events_total{status="duplicate"}`], m[`riskd_sink_rows_total{table="features"}`]
			if judged > 0 && began.IsZero() {
				began, head, scoredHead = time.Now(), rows, judged
			}
			if judged >= n && scored.IsZero() {
				scored = time.Now()
			}
			if rows >= m[`riskd_scorer_events_total{status="scored"}`] && judged >= n {
				r.Full.Rate = (n - head) / time.Since(began).Seconds()
				r.FullScorer = (n - scoredHead) / scored.Sub(began).Seconds()
				break
			}
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("riskd: %v", err)
		}
		s := cmd.ProcessState
		r.Full.CPU = ((s.UserTime() + s.SystemTime()).Seconds() + in.cpu() - before) / n * 1e6 // start and stop included
	})
	t.Logf("full: %+v, scorer in it %.0f events/s", r.Full, r.FullScorer)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// scrape reads a metrics page; empty when there is none yet.
func scrape(addr string) map[string]float64 {
	out := map[string]float64{}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		return out
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			out[name] = v
		}
	}
	return out
}

// residentBytes is a process's resident memory; 0 where the system does not tell.
func residentBytes(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(f[1])
	return pages * os.Getpagesize()
}

// machine names what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", model, cores())
}
