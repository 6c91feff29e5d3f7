package demo

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestResultIsOkOnlyWhenAllNumbersAgree(t *testing.T) {
	good := Result{Events: 10, Decisions: 7, Late: 1, Duplicate: 1, DeadLetter: 1, Features: 7, deadRows: 1, StepUps: 3, Enforced: 2, Satisfied: 1}
	want := "demo: events=10 decisions=7 late=1 duplicate=1 dead_letter=1 stepups=3 enforced=2 satisfied=1 clickhouse_features=7 ok=true"
	if got := good.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for name, spoil := range map[string]func(*Result){
		"an event lost before the journal": func(r *Result) { r.Events++ },
		"a decision doubled in ClickHouse": func(r *Result) { r.Features++ },
		"a decision missing in ClickHouse": func(r *Result) { r.Features-- },
		"a dead letter missing":            func(r *Result) { r.deadRows-- },
		"an event counted twice":           func(r *Result) { r.Duplicate++ },
		"half a batch in ClickHouse":       func(r *Result) { r.behind++ },
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			spoil(&r)
			if len(r.Faults()) == 0 || !strings.HasSuffix(r.String(), "ok=false") {
				t.Errorf("not noticed: %s", &r)
			}
		})
	}
}

func TestEventTimeEndsNowAndNeverPassesTheWallClock(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, seconds := range []int{0, 10, 45, 600} {
		cfg := DefaultConfig()
		cfg.Seconds = seconds
		c := newClock(&cfg, now)
		if !c.start.Before(c.liveStart) || !c.liveStart.Before(now) {
			t.Fatalf("seconds=%d: history from %s, live from %s: want both in the past, in this order", seconds, c.start, c.liveStart)
		}
		if a := c.attackAfter(); a <= 0 || a >= 1 {
			t.Fatalf("seconds=%d: attacks after %g of the time", seconds, a)
		}
		c.begin(now)
		live := now.Add(time.Second)
		c.goLive(live, c.liveStart.UnixMilli())
		last := int64(0)
		for at := live; at.Before(now.Add(2 * time.Hour)); at = at.Add(time.Second) {
			sim := c.sim(at)
			if sim >= at.UnixMilli() {
				t.Fatalf("seconds=%d: event time %d is not before the wall clock %d", seconds, sim, at.UnixMilli())
			}
			if sim < last {
				t.Fatalf("seconds=%d: event time goes back", seconds)
			}
			last = sim
			if seconds > 0 && at.Sub(now) == time.Duration(seconds)*time.Second && at.UnixMilli()-sim > 10*60_000 {
				t.Errorf("seconds=%d: at the end event time is %s behind", seconds, time.Duration(at.UnixMilli()-sim)*time.Millisecond)
			}
		}
	}
}

func item(user string, at int64, action string) queuedItem {
	return queuedItem{Item: simulate.Item{Event: &riskdv1.Event{
		Id: action, Source: "//t/a", TenantId: "t", User: &riskdv1.User{Id: user}, TimeMs: at, Action: action, Outcome: "success", Type: "dev.riskd.activity.v1",
	}}, follow: true}
}

func newTestDriver() *driver {
	return &driver{reactor: simulate.NewReactor(), lines: map[lineKey]*line{}, sentAt: map[string]time.Time{}, sentBefore: map[string]time.Time{}, gate: gateFirst}
}

func actions(d *driver) string {
	var s []string
	for _, ev := range d.batch {
		s = append(s, ev.Action)
	}
	d.batch = nil
	return strings.Join(s, " ")
}

func TestALineKeepsOrderAndWaitsAfterALogin(t *testing.T) {
	d := newTestDriver()
	l := d.line(lineKey{"t", "u"})
	const base = int64(1_790_000_000_000)
	d.enqueue(l, item("u", base+3000, "third"))
	d.enqueue(l, item("u", base+1000, "auth.login"))
	d.enqueue(l, item("u", base+2000, "second"))
	d.enqueue(l, item("u", base+60*60_000, "after-a-pause"))
	wall := time.Now()

	d.due(l, base+500, wall)
	if got := actions(d); got != "" {
		t.Errorf("before their time %q were sent", got)
	}
	d.due(l, base+2*60*60_000, wall)
	if got := actions(d); got != "auth.login" {
		t.Errorf("at once %q were sent, want only the login: a flag may come", got)
	}
	d.due(l, base+2*60*60_000, wall.Add(gateFirst))
	if got := actions(d); got != "second third" {
		t.Errorf("after the gate %q were sent, want what came before the pause", got)
	}
	// What a flag brings about comes before the rest of the day.
	d.enqueue(l, item("u", base+4000, "stepup.started"))
	d.due(l, base+2*60*60_000, wall.Add(gateFirst+time.Millisecond))
	if got := actions(d); got != "stepup.started" {
		t.Errorf("got %q, want the answer to the flag", got)
	}
	d.due(l, base+2*60*60_000, wall.Add(3*gateFirst))
	if got := actions(d); got != "after-a-pause" {
		t.Errorf("got %q, want the rest of the day", got)
	}
}

func TestATakenPortIsNamedBeforeAnythingStarts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	for _, f := range []string{"engine/libchdb.so", "geo/GeoLite2-City.mmdb", "geo/asn.mmdb", "riskd", "demoapp"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cfg := DefaultConfig()
	cfg.Data, cfg.Riskd, cfg.DemoApp = dir, filepath.Join(dir, "riskd"), filepath.Join(dir, "demoapp")
	for name := range cfg.Listen {
		cfg.Listen[name] = "127.0.0.1:0"
	}
	cfg.Listen["clickhouse-listen"] = l.Addr().String()
	var out strings.Builder
	err = Run(t.Context(), cfg, &out)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), port) || !strings.Contains(err.Error(), "-clickhouse-listen") {
		t.Errorf("got %v, want an error naming port %s and -clickhouse-listen", err, port)
	}
	if old, _ := filepath.Glob(filepath.Join(dir, "demo", "*")); len(old) != 0 {
		t.Errorf("left %v behind", old)
	}
}

func TestOldRecordsGoButNotThoseInUse(t *testing.T) {
	base := t.TempDir()
	var out strings.Builder
	first, err := runFolder(base, &out)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(base, "run-20200101-000000.000")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	if _, err := runFolder(base, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the oldest record is still there")
	}
	time.Sleep(2 * time.Millisecond)
	if _, err := runFolder(base, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first); err != nil {
		t.Errorf("the record of a demo that runs (this process) was removed: %v", err)
	}
}

func TestAProcessThatDiesShowsTheEndOfItsLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := startProcess("/bin/sh", []string{"-c", "echo the reason; exit 3"}, log)
	if err != nil {
		t.Fatal(err)
	}
	err = p.waitReady(t.Context(), "http://127.0.0.1:1/", 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want the log's end and the exit status", err)
	}
}

func TestDelaysAreThoseOfTheNewestFlags(t *testing.T) {
	var d delays
	if got := d.String(); got != "-" {
		t.Errorf("without flags: got %q", got)
	}
	for range delaysKept {
		d.add(time.Minute)
	}
	for i := range delaysKept {
		d.add(time.Duration(i+1) * time.Millisecond)
	}
	if half, slow := d.quantile(0.5), d.quantile(0.99); half != 257*time.Millisecond || slow != 507*time.Millisecond {
		t.Errorf("got a median of %s and a slow one of %s", half, slow)
	}
	d.forget()
	d.add(1234567 * time.Nanosecond)
	if got, want := d.String(), "1.2ms (99 of 100 after 1.2ms)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
