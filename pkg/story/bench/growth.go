package bench

import (
	"context"
	"fmt"
)

// What was answered at a tenth of the rows is kept in the database, so that growth is seen also when loading and asking are
// runs of their own.

const earlyDDL = "CREATE TABLE IF NOT EXISTS bench_tenth (name String, loaded UInt64, cold Float64, p50 Float64, p95 Float64) ENGINE = MergeTree ORDER BY name"

// early are the answers at a tenth of the rows.
type early struct {
	rows    uint64
	answers map[string]answer
}

// readEarly reads what an earlier run noted.
func (b *bench) readEarly(ctx context.Context) error {
	b.early.answers = map[string]answer{}
	rows, err := b.conn.Query(ctx, "SELECT name, loaded, cold, p50, p95 FROM bench_tenth")
	if err != nil {
		return fmt.Errorf("looking at the database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a answer
		if err := rows.Scan(&a.name, &b.early.rows, &a.cold, &a.p50, &a.p95); err != nil {
			return err
		}
		b.early.answers[a.name] = a
	}
	return rows.Err()
}

// forgetEarly makes room for answers at a tenth of the rows, where all are asked again.
func (b *bench) forgetEarly(ctx context.Context) error {
	if b.cfg.Only != "" {
		return nil
	}
	clear(b.early.answers)
	if err := b.conn.Exec(ctx, "TRUNCATE TABLE bench_tenth"); err != nil {
		return fmt.Errorf("forgetting answers: %w", err)
	}
	return nil
}

// noteEarly keeps an answer at a tenth of the rows.
func (b *bench) noteEarly(ctx context.Context, loaded uint64, a answer) error {
	b.early.rows, b.early.answers[a.name] = loaded, a
	err := b.conn.Exec(ctx, "INSERT INTO bench_tenth SELECT {name:String}, {loaded:UInt64}, {cold:Float64}, {p50:Float64}, {p95:Float64}",
		named("name", a.name), named("loaded", loaded), named("cold", a.cold), named("p50", a.p50), named("p95", a.p95))
	if err != nil {
		return fmt.Errorf("noting an answer: %w", err)
	}
	return nil
}

// heading is the lines above the answers: at how many rows, and in what state of the merges, which what a question costs depends on.
func (b *bench) heading(ctx context.Context, loaded uint64) error {
	var parts string
	var merges uint64
	err := b.conn.QueryRow(ctx, `SELECT arrayStringConcat(arrayMap(x -> x.1 || ' ' || toString(x.2), arraySort(groupArray((table, n)))), ', '), (SELECT count() FROM system.merges WHERE database = currentDatabase())
		FROM (SELECT table, count() AS n FROM system.parts WHERE active AND database = currentDatabase() AND table IN ('events', 'features', 'signals', 'enforcement', 'sessions', 'event_hours', 'user_hours') GROUP BY table)`).Scan(&parts, &merges)
	if err != nil {
		return fmt.Errorf("looking at the parts: %w", err)
	}
	b.say("\nquestions at %d rows, milliseconds; parts: %s; %d merges under way", loaded, parts, merges)
	if len(b.early.answers) == 0 || b.early.rows == loaded {
		b.say("  %-34s %8s %8s %8s", "", "cold", "p50", "p95")
		return nil
	}
	b.say("  %-34s %8s %8s %8s   %8s %8s %8s   %s", "", "", "", "", "at", fmt.Sprint(b.early.rows), "rows", "growth from")
	b.say("  %-34s %8s %8s %8s   %8s %8s %8s   %s", "", "cold", "p50", "p95", "cold", "p50", "p95", "there, p50")
	return nil
}

// line writes an answer, with that at a tenth of the rows beside it.
func (b *bench) line(loaded uint64, a answer) {
	mark := ""
	if a.group == overview && a.p95 > b.cfg.OverviewMS || a.group == whole && a.p95 > b.cfg.StoryMS {
		mark = "  MISSED"
	}
	before, ok := b.early.answers[a.name]
	if !ok || b.early.rows == loaded {
		b.say("  %-34s %8.1f %8.1f %8.1f%s", a.name, a.cold, a.p50, a.p95, mark)
		return
	}
	b.say("  %-34s %8.1f %8.1f %8.1f   %8.1f %8.1f %8.1f   x%.1f%s", a.name, a.cold, a.p50, a.p95, before.cold, before.p50, before.p95, a.p50/before.p50, mark)
}
