package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
