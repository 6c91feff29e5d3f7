-- The sink's own books: which journal records went into which batch (written before the batch is
-- inserted), and how far each partition is persisted (written after it).
--
-- A batch number can be taken once: its row is inserted with the number as deduplication token, so
-- of two sinks the first wins and the other reads what was cut. A crash at any point leaves a cut
-- that is sent again with the same rows and the same tokens.
--
-- Example: how far is each partition persisted, and does every batch of it count?
--   SELECT partition, argMax(seq, batch) AS persisted, max(batch) AS last_batch, max(saved_at) AS at
--   FROM sink_positions GROUP BY sink, partition ORDER BY partition
CREATE TABLE IF NOT EXISTS sink_batches{{.Local}}{{.OnCluster}}
(
    sink    LowCardinality(String) COMMENT 'Name of the sink; one per shard',
    batch   UInt64                 COMMENT 'Number of the batch, without gaps from 1' CODEC(Delta(8), ZSTD(1)),
    cut_at  DateTime64(3, 'UTC')   COMMENT 'When it was cut' CODEC(Delta(8), ZSTD(1)),
    writer  LowCardinality(String) COMMENT 'Which process cut it (host:pid:random)',
    cuts    Nested(partition UInt16, after UInt64, last UInt64, hash FixedString(32))
                                   COMMENT 'Journal records after < seq <= last of each partition, and the hash of the last' CODEC(ZSTD(1)),
    rows    Map(LowCardinality(String), UInt64)
                                   COMMENT 'Rows of the batch by table' CODEC(ZSTD(1))
)
ENGINE = {{.Engine "MergeTree"}}
-- Not partitioned: tokens are compared within a partition, and a number must be taken once in all.
ORDER BY (sink, batch)
{{.TTL "sink_batches" "cut_at"}}
SETTINGS {{.Dedup}}
COMMENT 'Batches of the sink, written down before they are inserted';

{{.Distributed "sink_batches" "cityHash64(sink)"}}

CREATE TABLE IF NOT EXISTS sink_positions{{.Local}}{{.OnCluster}}
(
    sink       LowCardinality(String) COMMENT 'Name of the sink; one per shard',
    partition  UInt16                 COMMENT 'Input partition',
    seq        UInt64                 COMMENT 'Last journal record that is persisted',
    hash       FixedString(32)        COMMENT 'Its SHA-256; the next record must hold it',
    batch      UInt64                 COMMENT 'Batch that brought it',
    decided_at DateTime64(3, 'UTC')   COMMENT 'When that record was written',
    saved_at   DateTime64(3, 'UTC')   COMMENT 'When it was persisted'
)
ENGINE = {{.Engine "ReplacingMergeTree" "batch"}}
ORDER BY (sink, partition)
SETTINGS {{.Dedup}}
COMMENT 'How far each partition of the journal is persisted here; read it with FINAL';

{{.Distributed "sink_positions" "cityHash64(sink)"}}
