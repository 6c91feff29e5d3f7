package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

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
