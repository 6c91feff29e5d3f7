package sink

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
)

func TestACrashAtAnyStepNeitherLosesNorDoubles(t *testing.T) {
	l := newLedger(t, 2)
	for i := range 4 {
		l.batch(i%2, 14)
	}
	opt, conn := database(t)
	cfg := testConfig(2)
	cfg.MaxWait = 100 * time.Millisecond // one batch
	steps := 0
	blocks, err := native.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer blocks.Close()
	for _, way := range []struct {
		name   string
		acted  bool
		blocks BlockInserter
	}{{"native", false, blocks}, {"native", true, blocks}, {"driver", true, nil}} {
		acted := way.acted
		for k := 1; ; k++ {
			// Empty tables, and a name of its own: tokens of the case before are still remembered.
			truncate(t, conn)
			cfg.Name = fmt.Sprintf("crash-%s-%d-%v", way.name, k, acted)
			// The first sink dies at step k: with acted, ClickHouse has done what was asked, but nobody hears of it.
			f := &failing{Conn: conn, at: k, acted: acted, blocks: way.blocks}
			s := run(t, l, cfg, f)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			done := make(chan error, 1)
			go func() { done <- s.Drained(ctx) }()
			finished := false
			select {
			case <-done:
				finished = true
			case <-f.dead():
			}
			s.stop()
			cancel()
			if !finished {
				<-done
			}
			if finished && !f.hit() {
				steps += k - 1
				break
			}
			drain(t, l, cfg, conn)
			l.check(t, conn)
			if t.Failed() {
				t.Fatalf("%s, at step %d, acted %v", way.name, k, acted)
			}
		}
	}
	if steps < 30 {
		t.Errorf("only %d steps were tried", steps)
	}
}
