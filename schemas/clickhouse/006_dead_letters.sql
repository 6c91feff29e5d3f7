-- Dead letters: messages that could not be used, with the reason and the bytes as they came.
--
-- Example: what is wrong with what apps send?
--   SELECT reason, source, count() AS messages, max(decided_at) AS last, any(detail) AS for_example
--   FROM dead_letters WHERE decided_at > now() - INTERVAL 7 DAY
--   GROUP BY reason, source ORDER BY messages DESC
CREATE TABLE IF NOT EXISTS dead_letters{{.Local}}{{.OnCluster}}
(
    decided_at  DateTime64(3, 'UTC')   COMMENT 'When the scorer put it aside' CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC')   COMMENT 'When the broker took it; 1970 is unknown' CODEC(Delta(8), ZSTD(1)),
    reason      LowCardinality(String) COMMENT 'Stable code: malformed, missing_field, bad_value, unknown_type, too_large, future_time, ...',
    detail      String                 COMMENT 'The same in words' CODEC(ZSTD(1)),
    tenant      LowCardinality(String) COMMENT 'Tenant, as far as it could be read',
    event_id    String                 COMMENT 'Event id, as far as it could be read' CODEC(ZSTD(1)),
    source      LowCardinality(String) COMMENT 'Source, as far as it could be read',
    user_id     String                 COMMENT 'User, as far as it could be read' CODEC(ZSTD(1)),
    ts          DateTime64(3, 'UTC')   COMMENT 'Event time, as far as it could be read; 1970 is unknown' CODEC(Delta(8), ZSTD(1)),
    raw         String                 COMMENT 'The message as it came, cut at 64 KiB: bytes from outside, escape them' CODEC(ZSTD(3)),
    input       UInt64                 COMMENT 'Position in the partition''s input' CODEC(Delta(8), ZSTD(1)),
    partition   UInt16                 COMMENT 'Journal position: partition',
    seq         UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx         UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(decided_at)
PRIMARY KEY (toStartOfHour(decided_at), reason)
ORDER BY (toStartOfHour(decided_at), reason, partition, seq, idx)
{{.TTL "dead_letters" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Messages that could not be used, with the reason';

{{.Distributed "dead_letters" "partition"}}
