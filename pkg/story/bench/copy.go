package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Copies of the newest tenth inside the engine, moved back in time, under ids of their own: what makes a hundred million
// decisions a matter of minutes. The same people come back; sessions, events, challenges and places in the journal are
// others, and all go through the views.

// secondsOfATenth is how far apart copies are.
func (c Config) secondsOfATenth() int { return c.Days * 86400 / 10 }

// tables of a copy.
var copyTables = []string{"events", "features", "signals", "enforcement", "ledger"}

const copiesDDL = "CREATE TABLE IF NOT EXISTS bench_copies (copy UInt8, slice UInt16, tab String, took_s Float64) ENGINE = MergeTree ORDER BY (copy, slice, tab)"

// slices is how many pieces a copy is made in, and how long each is.
func (c Config) slices() (int, time.Duration) {
	span := time.Duration(c.secondsOfATenth()) * time.Second
	slice := min(span, 24*time.Hour)
	return int(span / slice), slice
}

// copied is how many decisions are copies.
func (b *bench) copied(ctx context.Context) (uint64, error) {
	slices, _ := b.cfg.slices()
	n, err := scalar(ctx, b.conn, fmt.Sprintf("SELECT toFloat64(count()) FROM (SELECT copy, slice FROM bench_copies GROUP BY copy, slice HAVING count() = %d)", len(copyTables)))
	if err != nil {
		return 0, fmt.Errorf("looking at the copies: %w", err)
	}
	return uint64(n) * b.cfg.Rows / 10 / uint64(slices), nil
}

// copies makes the nine older tenths of the newest one, a day and a table at a time.
func (b *bench) copies(ctx context.Context) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"optimize_on_insert": 0, "insert_deduplicate": 0, "deduplicate_blocks_in_dependent_materialized_views": 0, "max_partitions_per_insert_block": 0,
		"min_insert_block_size_rows": 500_000, "max_block_size": 65_536, "max_insert_threads": 2, "max_threads": 2, "parallel_view_processing": 1, "max_execution_time": 0,
	}))
	slices, slice := b.cfg.slices()
	span := slice * time.Duration(slices)
	began, last, made, there := time.Now(), time.Now(), 0, 0
	for k := 1; k < 10; k++ {
		for i := range slices {
			if b.late() {
				b.say("copying: the time is up with %d of %d slices", made, 9*slices)
				return nil
			}
			for _, table := range copyTables {
				from := b.cfg.End.Add(-span + time.Duration(i)*slice)
				done, err := scalar(ctx, b.conn, fmt.Sprintf("SELECT toFloat64(count()) FROM bench_copies WHERE copy = %d AND slice = %d AND tab = '%s'", k, i, table))
				if err != nil {
					return fmt.Errorf("copying: %w", err)
				}
				if done > 0 {
					there++
					continue
				}
				query, err := b.copyQuery(ctx, table, k)
				if err != nil {
					return err
				}
				// Challenges end after their decision; the first slice takes what was decided before, the last what comes after.
				where := []string{}
				if i > 0 {
					where = append(where, "decided_at >= {from:DateTime64(3, 'UTC')}")
				}
				if i < slices-1 {
					where = append(where, "decided_at < {to:DateTime64(3, 'UTC')}")
				}
				for _, w := range where {
					query += " AND " + w
				}
				start := time.Now()
				if err := b.conn.Exec(ctx, query, named("from", moment(from)), named("to", moment(from.Add(slice)))); err != nil {
					return fmt.Errorf("copying %s: %w", table, err)
				}
				if err := b.conn.Exec(ctx, fmt.Sprintf("INSERT INTO bench_copies VALUES (%d, %d, '%s', %f)", k, i, table, time.Since(start).Seconds())); err != nil {
					return fmt.Errorf("noting a copy: %w", err)
				}
			}
			made++
			if now := time.Now(); now.Sub(last) > 10*time.Second || made == 9*slices {
				last = now
				done := made - there/5
				rate := float64(done) * float64(b.cfg.Rows/10) / float64(slices) / now.Sub(began).Seconds()
				b.say("copying: %d of %d slices, %.0f decisions a second", made, 9*slices, rate)
			}
		}
	}
	return nil
}

// copyQuery is the statement that makes a table's k-th copy, but for the slice.
func (b *bench) copyQuery(ctx context.Context, table string, k int) (string, error) {
	rows, err := b.conn.Query(ctx, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position", named("table", table))
	if err != nil {
		return "", fmt.Errorf("copying %s: %w", table, err)
	}
	defer rows.Close()
	back := k * b.cfg.secondsOfATenth()
	tenth := b.cfg.Rows / 10
	seqs, records := uint64(k)*tenth/500, uint64(k)*tenth/3200
	one := func(prefix, column string) string {
		return fmt.Sprintf("if(%[2]s = '', '', concat('%[1]s', lower(leftPad(hex(cityHash64(%[2]s, %[3]d)), 16, '0'))))", prefix, column, k)
	}
	hash := func(seq string) string {
		return fmt.Sprintf("SHA256(concat(toString(partition), '/', toString(%s)))", seq)
	}
	changed := map[string]string{
		"session_id":   one("s_", "session_id"),
		"challenge_id": one("ch_", "challenge_id"),
		// A UUID of version 7 again: its time, its own random bits.
		"event_id": fmt.Sprintf("concat(substring(lower(hex(reinterpretAsUInt64(reverse(unhex(concat(substring(event_id, 1, 8), substring(event_id, 10, 4))))) - %d)) AS ms, 1, 8), '-', substring(ms, 9, 4), "+
			"substring(event_id, 14, 11), lower(substring(leftPad(hex(cityHash64(substring(event_id, 1, 36), %d)), 16, '0'), 5, 12)), substring(event_id, 37))", uint64(back)*1000, k),
		"seq": fmt.Sprintf("seq - %d", seqs),
	}
	for _, column := range []string{"ts", "received_at", "decided_at", "auth_time", "issued_at", "expires_at"} {
		changed[column] = fmt.Sprintf("if(toUnixTimestamp64Milli(src.%[1]s) = 0, src.%[1]s, src.%[1]s - toIntervalSecond(%[2]d))", column, back)
	}
	seed := fmt.Sprintf("bitAnd(seq, 1099511627775) >= %d", (b.cfg.Rows-tenth)/500)
	if table == "ledger" {
		seq := fmt.Sprintf("seq - %d", records)
		changed["seq"], changed["hash"], changed["prev_hash"] = seq, hash(seq), hash(seq+" - 1")
		for column, each := range map[string]uint64{"input_last": 101, "total_accepted": 101, "total_scored": 100, "total_duplicate": 1} {
			changed[column] = fmt.Sprintf("src.%s - %d", column, records*each)
		}
		seed = fmt.Sprintf("seq > %d", (b.cfg.Rows-tenth)/3200)
	}
	var names, values []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return "", err
		}
		value := "`" + name + "`"
		if v, ok := changed[name]; ok {
			value = v
		}
		names, values = append(names, "`"+name+"`"), append(values, value)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS src WHERE %s", table, strings.Join(names, ", "), strings.Join(values, ", "), table, seed), rows.Err()
}
