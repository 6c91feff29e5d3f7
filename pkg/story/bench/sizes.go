package bench

import "context"

// sizes writes bytes per row by table and column, and returns the sum of all tables per decision.
func (b *bench) sizes(ctx context.Context, decisions uint64) (float64, error) {
	rows, err := b.conn.Query(ctx, `SELECT table, toFloat64(sum(rows)), toFloat64(sum(bytes_on_disk)), toFloat64(count()), toFloat64(sum(secondary_indices_compressed_bytes))
		FROM system.parts WHERE active AND database = currentDatabase() AND table NOT LIKE 'bench_%' GROUP BY table ORDER BY 3 DESC`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	total := 0.0
	b.say("\nbytes on disk\n  %-18s %12s %10s %8s %14s %8s %6s", "table", "rows", "MiB", "B/row", "B per decision", "indexes", "parts")
	for rows.Next() {
		var table string
		var n, bytes, parts, indexes float64
		if err := rows.Scan(&table, &n, &bytes, &parts, &indexes); err != nil {
			return 0, err
		}
		total += bytes
		b.say("  %-18s %12.0f %10.1f %8.1f %14.2f %8.1f %6.0f", table, n, bytes/(1<<20), bytes/max(n, 1), bytes/float64(decisions), indexes/max(n, 1), parts)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, table := range []string{"features", "events"} {
		if err := b.columns(ctx, table); err != nil {
			return 0, err
		}
	}
	return total / float64(decisions), nil
}

func (b *bench) columns(ctx context.Context, table string) error {
	rows, err := b.conn.Query(ctx, `SELECT column, toFloat64(sum(column_data_compressed_bytes)) / sum(rows) AS per FROM system.parts_columns
		WHERE active AND database = currentDatabase() AND table = {table:String} GROUP BY column ORDER BY per DESC`, named("table", table))
	if err != nil {
		return err
	}
	defer rows.Close()
	b.say("  %s, bytes per row by column (those not named: under 0.05 each):", table)
	for rows.Next() {
		var column string
		var per float64
		if err := rows.Scan(&column, &per); err != nil {
			return err
		}
		if per >= 0.05 {
			b.say("    %-20s %6.2f", column, per)
		}
	}
	return rows.Err()
}
