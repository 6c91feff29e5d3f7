package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
)

// featuresTable is of the size and shape of the table of decisions, with three views on it.
var featuresTable = []string{
	`CREATE TABLE %[1]s (
		tenant LowCardinality(String), event_id UUID, ts DateTime64(3,'UTC') CODEC(Delta(8), ZSTD(1)),
		user_id String CODEC(ZSTD(1)), session_id String CODEC(ZSTD(1)), event_type LowCardinality(String),
		country LowCardinality(String), score Float32 CODEC(ZSTD(1)), scores Map(LowCardinality(String), Float32) CODEC(ZSTD(1)),
		reasons Array(LowCardinality(String)) CODEC(ZSTD(1)), velocity UInt16 CODEC(T64, ZSTD(1)), kmh Float32 CODEC(ZSTD(1)),
		new_device Bool, action LowCardinality(String), policy LowCardinality(String), latency_us UInt32 CODEC(T64, ZSTD(1)),
		version UInt64 DEFAULT toUnixTimestamp64Milli(now64(3)) CODEC(Delta(8), ZSTD(1)),
		INDEX ix_user user_id TYPE bloom_filter(0.01) GRANULARITY 1, INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
		INDEX ix_event event_id TYPE bloom_filter(0.01) GRANULARITY 1
	) ENGINE = ReplacingMergeTree(version) PARTITION BY toMonday(ts) ORDER BY (tenant, toStartOfHour(ts), user_id, event_id)
	SETTINGS non_replicated_deduplication_window = 10000`,
	`CREATE MATERIALIZED VIEW %[1]s_5m ENGINE = SummingMergeTree ORDER BY (tenant, t, action) AS
		SELECT tenant, toStartOfFiveMinutes(ts) AS t, action, count() AS n, sum(score) AS total FROM %[1]s GROUP BY tenant, t, action`,
	`CREATE MATERIALIZED VIEW %[1]s_user ENGINE = AggregatingMergeTree ORDER BY (tenant, day, user_id) AS
		SELECT tenant, toDate(ts) AS day, user_id, countState() AS n, groupUniqArrayState(toString(country)) AS countries FROM %[1]s GROUP BY tenant, day, user_id`,
	`CREATE MATERIALIZED VIEW %[1]s_rule ENGINE = SummingMergeTree ORDER BY (tenant, t, reason, action) AS
		SELECT tenant, toStartOfHour(ts) AS t, reason, action, count() AS hits FROM %[1]s ARRAY JOIN reasons AS reason GROUP BY tenant, t, reason, action`,
}

// BenchmarkInsert sends native batches with clickhouse-go into a table with three views.
func BenchmarkInsert(b *testing.B) {
	for _, rows := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			conn := client(b, shared)
			table := fmt.Sprintf("bench_%d_%d", rows, time.Now().UnixNano())
			for _, sql := range featuresTable {
				execute(b, conn, fmt.Sprintf(sql, table))
			}
			random := rand.New(rand.NewPCG(1, 2))
			start := time.Now()
			for b.Loop() {
				batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO "+table+" (tenant, event_id, ts, user_id, session_id, event_type, country, score, scores, reasons, velocity, kmh, new_device, action, policy, latency_us)")
				if err != nil {
					b.Fatal(err)
				}
				for i := range rows {
					err := batch.Append([]string{"acme", "globex", "initech"}[i%3], uuid.New(), start.Add(time.Duration(i)*time.Millisecond),
						fmt.Sprintf("u%d", random.IntN(100_000)), fmt.Sprintf("s%d", random.IntN(300_000)), "auth.login", []string{"GB", "DE", "JP", "US"}[i%4],
						random.Float32()*100, map[string]float32{"impossible_travel": random.Float32(), "new_device": random.Float32()},
						[]string{"new_device", "velocity"}[:i%3], uint16(random.IntN(50)), random.Float32(), i%7 == 0, []string{"allow", "step_up"}[i%2], "default@1", uint32(random.IntN(5000)))
					if err != nil {
						b.Fatal(err)
					}
				}
				if err := batch.Send(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkSelect is the cost of a trivial query, all of it bridge and connection.
func BenchmarkSelect(b *testing.B) {
	conn := client(b, shared)
	for b.Loop() {
		var one uint8
		if err := conn.QueryRow(b.Context(), "SELECT 1").Scan(&one); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads rows back, with each block re-encoded on the way.
func BenchmarkRead(b *testing.B) {
	conn := client(b, shared)
	const rows = 1_000_000
	for b.Loop() {
		found, err := conn.Query(b.Context(), "SELECT number, toString(number), toLowCardinality(toString(number % 10)) FROM numbers(1000000)")
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for found.Next() {
			n++
		}
		if err := found.Err(); err != nil || n != rows {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
