-- Enforcement: what apps did with the flags (receipts), and what users did with the challenges
-- (started, completed, failed, denied, abandoned). Together with signals it closes the chain of
-- proof: asked, shown, answered, let in or kept out.
--
-- Example: enforcement gaps, that is accesses let through while the session still owed a step-up
--   SELECT ts, session_id, challenge_id, route, result, sdk
--   FROM enforcement
--   WHERE tenant = 'acme' AND ts > now() - INTERVAL 30 DAY AND kind = 'receipt'
--     AND result IN ('fail_open', 'stale') ORDER BY ts DESC LIMIT 50
CREATE TABLE IF NOT EXISTS enforcement{{.Local}}{{.OnCluster}}
(
    tenant        LowCardinality(String) COMMENT 'Tenant',
    challenge_id  String                 COMMENT 'Challenge' CODEC(ZSTD(1)),
    kind          LowCardinality(String) COMMENT 'receipt, started, completed, failed, denied or abandoned',
    ts            DateTime64(3, 'UTC')   COMMENT 'Event time' CODEC(Delta(8), ZSTD(1)),
    decided_at    DateTime64(3, 'UTC')   COMMENT 'When the scorer committed it' CODEC(Delta(8), ZSTD(1)),
    event_id      String                 COMMENT 'The event that reported it' CODEC(ZSTD(1)),
    source        LowCardinality(String) COMMENT 'CloudEvents source: which app',
    user_id       String                 COMMENT 'User' CODEC(ZSTD(1)),
    session_id    String                 COMMENT 'Session' CODEC(ZSTD(1)),
    action        LowCardinality(String) COMMENT 'Action of the event',
    outcome       LowCardinality(String) COMMENT 'success, failure, denied or challenged',
    route         LowCardinality(String) COMMENT 'Receipts: the app''s route',
    result        LowCardinality(String) COMMENT 'Receipts: shown, passed, allowed, denied, fail_open or stale',
    sdk           LowCardinality(String) COMMENT 'Receipts: SDK and version',
    resource_type LowCardinality(String) COMMENT 'Kind of resource',
    resource_id   String                 COMMENT 'Resource' CODEC(ZSTD(1)),
    sensitivity   LowCardinality(String) COMMENT 'public, internal, restricted or critical; empty is unknown',
    acr           LowCardinality(String) COMMENT 'Results: authentication context class proven',
    amr           Array(LowCardinality(String)) COMMENT 'Results: methods used (RFC 8176)' CODEC(ZSTD(1)),
    auth_time     DateTime64(3, 'UTC')   COMMENT 'Results: when it was proven; 1970 is unknown' CODEC(Delta(8), ZSTD(1)),
    reason        String                 COMMENT 'Why, in the reporter''s words' CODEC(ZSTD(1)),
    session_state LowCardinality(String) COMMENT 'The session after riskd judged the event; still required after a completed means: refused',
    ip            IPv6                   COMMENT 'Address the event came from; :: is unknown' CODEC(ZSTD(1)),
    partition     UInt16                 COMMENT 'Journal position: partition',
    seq           UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx           UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1)),
    INDEX ix_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_challenge challenge_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_decided decided_at TYPE minmax GRANULARITY 1
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(if(ts > decided_at - INTERVAL 400 DAY AND ts < decided_at + INTERVAL 1 DAY, ts, decided_at))
PRIMARY KEY (tenant, toStartOfHour(ts), challenge_id)
ORDER BY (tenant, toStartOfHour(ts), challenge_id, ts, partition, seq, idx)
{{.TTL "enforcement" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Receipts of what apps did with flags, and results of step-ups';

{{.Distributed "enforcement" "cityHash64(tenant, user_id)"}}
