package sink

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// database is a fresh one with riskd's schema.
func database(t testing.TB) (*clickhouse.Options, driver.Conn) {
	t.Helper()
	opt := enginetest.Options(t)
	if _, err := migrate.Up(t.Context(), opt, migrate.DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	return opt, enginetest.Open(t, opt)
}

func testConfig(partitions int) Config {
	c := DefaultConfig()
	c.Partitions, c.MaxWait, c.BackoffMin, c.BackoffMax, c.LagEvery = partitions, 10*time.Millisecond, 5*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	c.Timeout, c.StopGrace = 10*time.Second, time.Second
	return c
}

// running is a sink at work.
type running struct {
	*Service
	stop func()
}

func run(t testing.TB, l *ledger, cfg Config, conn driver.Conn, reads ...*counting) running {
	t.Helper()
	reader := natsjs.NewJournalReader(l.b.JS)
	var source JournalSource = reader
	for _, c := range reads {
		c.JournalSource, source = source, c
	}
	deps := Deps{ClickHouse: conn, Journal: source, Log: enginetest.Quiet(), Metrics: prometheus.NewRegistry()}
	if f, ok := conn.(*failing); ok && f.blocks != nil {
		deps.Native = f
	}
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			reader.Close()
		})
	}
	t.Cleanup(stop)
	return running{s, stop}
}

// drain runs a sink until all is persisted.
func drain(t testing.TB, l *ledger, cfg Config, conn driver.Conn) {
	t.Helper()
	s := run(t, l, cfg, conn)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	s.stop()
}

func persisted(s running, p int) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[p].seq
}

func stored(p int, seq uint64, rec *riskdv1.JournalRecord) *journal.Stored {
	return &journal.Stored{Partition: p, Seq: seq, Record: rec}
}

func named(name, value string) any { return clickhouse.Named(name, value) }

func truncate(t *testing.T, conn driver.Conn) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_migrations'")
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if err := conn.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
			t.Fatal(err)
		}
	}
}
