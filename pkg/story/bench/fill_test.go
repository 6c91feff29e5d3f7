//go:build unix

package bench

import (
	"fmt"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// BenchmarkFill makes decisions and sends none.
func BenchmarkFill(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Rows = 100_000_000
	w, one := newWorld(cfg), newBatch()
	n := uint64(0)
	for b.Loop() {
		w.fill(one, n, n+20_000)
		n += 20_000
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/decision")
}

// BenchmarkInsert sends them too: client and engine on one machine.
func BenchmarkInsert(b *testing.B) {
	to, err := native.New(storytest.Options(b))
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	cfg := DefaultConfig()
	cfg.Rows = 100_000_000
	w, one := newWorld(cfg), newBatch()
	n := uint64(0)
	for b.Loop() {
		w.fill(one, n, n+100_000)
		n += 100_000
		for _, t := range one.tables() {
			if err := t.insert(b.Context(), to, t.table, fmt.Sprintf("b/%d/%s", n, t.table)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "decisions/s")
}
