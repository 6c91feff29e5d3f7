package sink

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// records is n entries in records of 500, as a busy scorer writes them.
func records(b *testing.B, n int) []journal.Stored {
	b.Helper()
	l := &ledger{t: b}
	var out []journal.Stored
	for k := 0; k < n; k += 500 {
		rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, WrittenMs: base.UnixMilli()}
		for i := range 500 {
			e := l.entry(k%8, uint64(k+i))
			if e.Event != nil { // a live stream: the events of one moment
				e.Event.TimeMs = base.UnixMilli()
			}
			if e.Decision != nil {
				e.Decision.TimeMs = base.UnixMilli()
			}
			rec.Entries = append(rec.Entries, e)
		}
		out = append(out, *stored(0, uint64(k/500+1), rec))
	}
	return out
}

// BenchmarkRows turns journal entries into columns.
func BenchmarkRows(b *testing.B) {
	all := records(b, 10_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		rows := newBatch(all)
		for i := range all {
			rows.add(&all[i])
		}
		n += 10_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkPersist writes batches of 20 000 entries to the engine, all tables and views, on the same machine.
func BenchmarkPersist(b *testing.B) {
	_, conn := database(b)
	all := records(b, 20_000)
	n := 0
	for b.Loop() {
		rows := newBatch(all)
		for i := range all {
			rows.add(&all[i])
		}
		for _, f := range rows.frames() {
			if f.rows() == 0 {
				continue
			}
			if err := insert(b.Context(), conn, f.table(Config{}.table), fmt.Sprintf("bench/%d/%s", n, f.name)); err != nil {
				b.Fatal(err)
			}
		}
		n += 20_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// memory is the most this process has held.
func memory() string {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return fmt.Sprintf("at most %s resident", strings.TrimSpace(rest))
		}
	}
	return ""
}
