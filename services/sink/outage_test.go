package sink

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
)

func TestADatabaseEmptiedBehindARunningSinkIsRebuilt(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 2)
	s := run(t, l, testConfig(2), conn)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 12 {
		l.batch(i%2, 10)
	}
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	truncate(t, conn)
	natstest.Eventually(t, "all rows are back", func() bool {
		var n uint64
		err := conn.QueryRow(t.Context(), "SELECT count() FROM ledger").Scan(&n)
		return err == nil && n >= l.want.ledger
	})
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	l.check(t, conn)
}

func TestAnOutageIsSurvivedWithoutLossOrDoubling(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 2)
	cfg := testConfig(2)
	cfg.MaxRows = 50
	s := run(t, l, cfg, conn)
	e := enginetest.Engine(t)
	for round := range 4 {
		for i := range 10 {
			l.batch(i%2, 25)
		}
		time.Sleep(time.Duration(30+round*17) * time.Millisecond) // in the middle of things
		pid := e.PID()
		if pid <= 0 { // 0 would be this process group
			t.Fatal("the engine has no process")
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l.batch(round%2, 25) // while it is away
		natstest.Eventually(t, "the engine is back", func() bool { now := e.PID(); return now > 0 && now != pid && e.Ready() == nil })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	l.check(t, conn)
}

func TestWhileClickHouseIsAwayItSaysSoAndReadsNothing(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 1)
	l.batch(0, 13)
	f := &failing{Conn: conn, at: 1, acted: false}
	reads := &counting{}
	cfg := testConfig(1)
	s := run(t, l, cfg, f, reads)
	natstest.Eventually(t, "several attempts", func() bool { return f.attempts() > 3 })
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), errDead.Error()) {
		t.Errorf("Ready while ClickHouse is away: %v, want its error", err)
	}
	natstest.Eventually(t, "lag is told", func() bool { return s.Lag().Records == 2 && s.Lag().Oldest > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Drained(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drained while ClickHouse is away: %v, want the deadline", err)
	}
	if n := reads.n.Load(); n != 0 {
		t.Errorf("%d reads of the journal while ClickHouse is away", n)
	}
	f.heal()
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	l.check(t, conn)
	if err := s.Ready(); err != nil {
		t.Errorf("Ready after the outage: %v", err)
	}
}
