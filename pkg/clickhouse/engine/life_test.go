package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

// start runs an engine of the test's own. The returned function stops it and waits.
func start(t *testing.T, cfg engine.Config, deps engine.Deps) (*engine.Engine, func() error) {
	t.Helper()
	if deps.Log == nil {
		deps.Log = quiet()
	}
	e, err := engine.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	var once sync.Once
	var ended error
	stop := func() error {
		once.Do(func() {
			cancel()
			ended = <-done
		})
		return ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if err := waitReady(e, done); err != nil {
		t.Fatal(err)
	}
	return e, stop
}

func TestEveryAcknowledgedBatchOutlivesKillsUnderLoad(t *testing.T) {
	registry := prometheus.NewRegistry()
	cfg := config(t.TempDir())
	cfg.RestartMin = 10 * time.Millisecond
	e, _ := start(t, cfg, engine.Deps{Registerer: registry})
	conn := client(t, e)
	execute(t, conn, "CREATE TABLE batches (worker UInt32, batch UInt32, n UInt32) ENGINE = MergeTree ORDER BY (worker, batch)")
	const rows = 200
	var stop atomic.Bool
	var group sync.WaitGroup
	acknowledged := make([]map[uint32]bool, 4)
	for worker := range acknowledged {
		acknowledged[worker] = map[uint32]bool{}
		group.Go(func() {
			for i := uint32(0); !stop.Load(); i++ {
				if send(t.Context(), e, uint32(worker), i, rows) == nil {
					acknowledged[worker][i] = true
				}
			}
		})
	}
	for range 3 {
		time.Sleep(500 * time.Millisecond)
		pid := e.PID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); e.PID() == pid || e.PID() == 0 || e.Ready() != nil; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the engine did not come back:", e.Ready())
			}
		}
	}
	time.Sleep(200 * time.Millisecond)
	stop.Store(true)
	group.Wait()
	found, err := conn.Query(t.Context(), "SELECT worker, batch, count() FROM batches GROUP BY worker, batch")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[[2]uint32]uint64{}
	for found.Next() {
		var worker, batch uint32
		var n uint64
		if err := found.Scan(&worker, &batch, &n); err != nil {
			t.Fatal(err)
		}
		kept[[2]uint32{worker, batch}] = n
	}
	total := 0
	for worker, batches := range acknowledged {
		total += len(batches)
		for batch := range batches {
			if got := kept[[2]uint32{uint32(worker), batch}]; got != rows {
				t.Errorf("worker %d batch %d was acknowledged: got %d rows, want %d", worker, batch, got, rows)
			}
		}
	}
	for key, n := range kept {
		if n != rows {
			t.Errorf("batch %v: got %d rows, want all %d or none", key, n, rows)
		}
	}
	if total < 20 {
		t.Errorf("only %d batches were acknowledged: too few to say anything", total)
	}
	t.Logf("%d batches acknowledged, %d kept", total, len(kept))
	if got := metric(t, registry, "riskd_engine_restarts_total"); got != 3 {
		t.Errorf("got %v restarts counted, want 3", got)
	}
}

// send inserts one batch over a connection of its own: what a crash leaves of one is not the matter here.
func send(ctx context.Context, e *engine.Engine, worker, number uint32, rows int) error {
	options, err := clickhouse.ParseDSN(e.DSN())
	if err != nil {
		return err
	}
	options.DialTimeout, options.ReadTimeout = 5*time.Second, 10*time.Second
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer conn.Close()
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO batches")
	if err != nil {
		return err
	}
	for i := range rows {
		if err := batch.Append(worker, number, uint32(i)); err != nil {
			return err
		}
	}
	return batch.Send()
}

func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			one := family.GetMetric()[0]
			return one.GetCounter().GetValue() + one.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestMetricsHaveNamesAndHelpAsTheyShould(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := engine.New(config(t.TempDir()), engine.Deps{Registerer: registry}); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v and error %v", problems, err)
	}
}

func TestStoppingIsQuickEvenWhenQueriesRun(t *testing.T) {
	e, stop := start(t, config(t.TempDir()), engine.Deps{})
	var group sync.WaitGroup
	group.Go(func() {
		conn := client(t, e)
		var n uint64
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.numbers_mt WHERE sipHash64(number) = 1").Scan(&n); err == nil {
			t.Error("an endless query ended well")
		}
	})
	time.Sleep(300 * time.Millisecond)
	pid, began := e.PID(), time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopping took %s, want a few seconds", took)
	}
	group.Wait()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child still exists: %v", err)
	}
	if err := e.Ready(); !errors.Is(err, engine.ErrNotReady) {
		t.Errorf("got %v, want ErrNotReady", err)
	}
}

func TestStoppingDoesNotWaitForAnUploadThatStalls(t *testing.T) {
	cfg := config(t.TempDir())
	e, stop := start(t, cfg, engine.Deps{})
	conn := client(t, e)
	execute(t, conn, "CREATE TABLE stalled (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	request := newRequest(t, e, http.MethodPost, nil, "query", "INSERT INTO risk.stalled FORMAT TSV")
	connection := sendPart(t, request, rowsOf(1000))
	defer connection.Close()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopping took %s, want a few seconds", took)
	}
	again, _ := start(t, cfg, engine.Deps{})
	if got := count(t, client(t, again), "stalled"); got != 0 {
		t.Errorf("got %d rows, want 0", got)
	}
}

func TestDataOutlivesACleanStop(t *testing.T) {
	cfg := config(t.TempDir())
	e, stop := start(t, cfg, engine.Deps{})
	password := e.DSN()
	execute(t, client(t, e), "CREATE TABLE kept ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(1000)")
	began := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("an idle engine took %s to stop", took)
	}
	again, _ := start(t, cfg, engine.Deps{})
	if got := count(t, client(t, again), "kept"); got != 1000 {
		t.Errorf("got %d rows, want 1000", got)
	}
	secret := func(dsn string) string { before, _, _ := strings.Cut(dsn, "@"); return before }
	if secret(password) != secret(again.DSN()) {
		t.Error("the password changed from one start to the next")
	}
	info, err := os.Stat(cfg.PasswordFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v and error %v, want 0600", info.Mode(), err)
	}
}

func TestThePasswordIsNeitherInArgumentsNorEnvironment(t *testing.T) {
	t.Setenv("RISKD_TEST_SECRET", "do not inherit me")
	e, _ := start(t, config(t.TempDir()), engine.Deps{})
	_, rest, _ := strings.Cut(e.DSN(), ":"+"//riskd:")
	password, _, _ := strings.Cut(rest, "@")
	for _, name := range []string{"cmdline", "environ"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", e.PID(), name))
		if err != nil {
			t.Skip("this system does not show processes:", err)
		}
		if strings.Contains(string(data), password) || strings.Contains(string(data), "do not inherit me") {
			t.Errorf("%s holds a secret", name)
		}
	}
}

func TestATakenPortIsAnErrorThatNamesIt(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	cfg := config(t.TempDir())
	cfg.Listen = other.Addr().String()
	e, err := engine.New(cfg, engine.Deps{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	used, ok := errors.AsType[*engine.AddressInUseError](err)
	if !ok || used.Address != cfg.Listen || !strings.Contains(err.Error(), cfg.Listen) || !strings.Contains(err.Error(), "-clickhouse-listen") {
		t.Errorf("got %v, want an AddressInUseError that names %s and the flag", err, cfg.Listen)
	}
}

func TestTwoEnginesDoNotShareAPath(t *testing.T) {
	cfg := config(t.TempDir())
	first, _ := start(t, cfg, engine.Deps{})
	second, err := engine.New(cfg, engine.Deps{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	used, ok := errors.AsType[*engine.PathInUseError](err)
	if !ok || used.PID != first.PID() {
		t.Errorf("got %v, want a PathInUseError with process %d", err, first.PID())
	}
	if err := first.Ready(); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
}

func TestAMissingLibraryOrConfigurationIsNamed(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Library = filepath.Join(t.TempDir(), "libchdb.so")
	if _, err := engine.New(cfg, engine.Deps{}); err == nil || !strings.Contains(err.Error(), "make setup") || !strings.Contains(err.Error(), "RISKD_CLICKHOUSE_DSN") {
		t.Errorf("got %v, want what to do about it", err)
	}
	cfg = config(t.TempDir())
	cfg.Listen = "0.0.0.0:8123"
	if _, err := engine.New(cfg, engine.Deps{}); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("got %v, want loopback only", err)
	}
	cfg = config(t.TempDir())
	if err := os.WriteFile(cfg.PasswordFile, []byte("0123456789abcdef0123\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.New(cfg, engine.Deps{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v, want the open password file refused", err)
	}
}

func TestALibraryThatIsNoneEndsTheFirstStart(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Library = filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(cfg.Library, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	e, err := engine.New(cfg, engine.Deps{Log: quiet(), Output: &output})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	if exit, ok := errors.AsType[*engine.ExitError](err); !ok || !strings.Contains(exit.Reason, "loading") {
		t.Errorf("got %v, want an ExitError with the reason", err)
	}
}
