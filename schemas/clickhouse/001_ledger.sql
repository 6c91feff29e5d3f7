-- The ledger: one row per journal record, that is per committed batch of one partition.
-- It proves that nothing is missing (totals add up) and that nothing was changed (hash chain).
--
-- Example: is the chain whole, and do the totals add up, partition by partition?
--   SELECT partition, count() AS records, max(seq) AS last,
--          countIf(prev != '' AND prev_hash != prev) AS broken,
--          max(total_accepted) = max(total_scored) + max(total_duplicate) + max(total_late) + max(total_dead) AS adds_up
--   FROM (SELECT *, lagInFrame(toString(hash)) OVER (PARTITION BY partition ORDER BY seq ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS prev FROM ledger)
--   GROUP BY partition ORDER BY partition
CREATE TABLE IF NOT EXISTS ledger{{.Local}}{{.OnCluster}}
(
    partition       UInt16                 COMMENT 'Input partition; users are hashed over partitions',
    seq             UInt64                 COMMENT 'Sequence of the record in its partition''s journal' CODEC(Delta(8), ZSTD(1)),
    kind            LowCardinality(String) COMMENT 'batch: events were judged; fence: a new owner took the partition',
    epoch           UInt64                 COMMENT 'Grows by one with every fence' CODEC(T64, ZSTD(1)),
    hash            FixedString(32)        COMMENT 'SHA-256 of the stored record; show it with lower(hex(hash))',
    prev_hash       FixedString(32)        COMMENT 'Hash of the record before it; zeros in a partition''s first record',
    owner           LowCardinality(String) COMMENT 'Which process wrote it (host:pid:random)',
    decided_at      DateTime64(3, 'UTC')   COMMENT 'Wall clock of the scorer when it wrote the record' CODEC(Delta(8), ZSTD(1)),
    input_last      UInt64                 COMMENT 'Last input position the record includes' CODEC(Delta(8), ZSTD(1)),
    scored          UInt32                 COMMENT 'Events of this record that were scored' CODEC(T64, ZSTD(1)),
    duplicate       UInt32                 COMMENT 'Events of this record that repeated an earlier one' CODEC(T64, ZSTD(1)),
    late            UInt32                 COMMENT 'Events of this record beyond the lateness bound: stored, not scored' CODEC(T64, ZSTD(1)),
    dead            UInt32                 COMMENT 'Messages of this record that could not be used' CODEC(T64, ZSTD(1)),
    signals         UInt32                 COMMENT 'Signal revisions in this record' CODEC(T64, ZSTD(1)),
    total_accepted  UInt64                 COMMENT 'Input messages of the partition since its beginning' CODEC(Delta(8), ZSTD(1)),
    total_scored    UInt64                 COMMENT 'Of those: scored' CODEC(Delta(8), ZSTD(1)),
    total_duplicate UInt64                 COMMENT 'Of those: duplicates' CODEC(Delta(8), ZSTD(1)),
    total_late      UInt64                 COMMENT 'Of those: late' CODEC(Delta(8), ZSTD(1)),
    total_dead      UInt64                 COMMENT 'Of those: dead-lettered' CODEC(Delta(8), ZSTD(1)),
    policy          LowCardinality(String) COMMENT 'Policy that judged the batch, name@version',
    baseline        LowCardinality(String) COMMENT 'Population baseline, by its date',
    geo             LowCardinality(String) COMMENT 'GeoIP data, name@date',
    engine          LowCardinality(String) COMMENT 'Version of the scoring engine',
    size            UInt32                 COMMENT 'Stored bytes of the record' CODEC(T64, ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(decided_at)
ORDER BY (partition, seq)
{{.TTL "ledger" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'One row per journal record: counts, totals and the hash chain';

{{.Distributed "ledger" "partition"}}
