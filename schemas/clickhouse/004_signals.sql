-- Signals: every revision of every challenge, the life of a step-up. The highest revision of a
-- challenge is where it stands. The reasons are copied here, so that the common questions need no join.
--
-- Example: what became of the challenges of the last 30 days, by what caused them?
--   SELECT first_cause, count() AS challenges, countIf(last = 'satisfied') AS satisfied,
--          countIf(last = 'denied') AS denied, countIf(last = 'expired') AS expired, countIf(last = 'required') AS open
--   FROM (SELECT challenge_id, argMin(cause, revision) AS first_cause, argMax(state, revision) AS last
--         FROM signals WHERE tenant = 'acme' AND ts > now() - INTERVAL 30 DAY GROUP BY challenge_id)
--   GROUP BY first_cause ORDER BY challenges DESC
CREATE TABLE IF NOT EXISTS signals{{.Local}}{{.OnCluster}}
(
    tenant         LowCardinality(String) COMMENT 'Tenant',
    challenge_id   String                 COMMENT 'Challenge' CODEC(ZSTD(1)),
    revision       UInt64                 COMMENT 'Grows by one with every change; the highest wins' CODEC(T64, ZSTD(1)),
    state          LowCardinality(String) COMMENT 'required, satisfied, denied, cancelled or expired',
    ts             DateTime64(3, 'UTC')   COMMENT 'Event time of this revision' CODEC(Delta(8), ZSTD(1)),
    decided_at     DateTime64(3, 'UTC')   COMMENT 'When the scorer committed it' CODEC(Delta(8), ZSTD(1)),
    user_id        String                 COMMENT 'User' CODEC(ZSTD(1)),
    session_id     String                 COMMENT 'Session that is challenged' CODEC(ZSTD(1)),
    event_id       String                 COMMENT 'The event whose decision caused this revision' CODEC(ZSTD(1)),
    cause          LowCardinality(String) COMMENT 'Why this revision: a part code, stepup_completed, weak_acr, stale_auth_time, ...',
    risk           Float64                COMMENT 'Risk 0..100 that raised the challenge' CODEC(ZSTD(1)),
    level          LowCardinality(String) COMMENT 'low, medium or high',
    previous_level LowCardinality(String) COMMENT 'Level before',
    reasons        Array(LowCardinality(String)) COMMENT 'Part codes, strongest first. Never shown to the user' CODEC(ZSTD(1)),
    acr_values     Array(LowCardinality(String)) COMMENT 'Proof asked for: any of these classes' CODEC(ZSTD(1)),
    amr_values     Array(LowCardinality(String)) COMMENT 'Proof asked for: any of these methods' CODEC(ZSTD(1)),
    max_age_s      UInt32                 COMMENT 'Oldest proof accepted, seconds; 0: newer than issued_at' CODEC(T64, ZSTD(1)),
    issued_at      DateTime64(3, 'UTC')   COMMENT 'Event time the challenge was raised' CODEC(Delta(8), ZSTD(1)),
    expires_at     DateTime64(3, 'UTC')   COMMENT 'Event time it ends unanswered' CODEC(Delta(8), ZSTD(1)),
    on_expiry      LowCardinality(String) COMMENT 'What holds then: deny or allow',
    policy         LowCardinality(String) COMMENT 'Policy',
    policy_version LowCardinality(String) COMMENT 'Its version',
    rule           LowCardinality(String) COMMENT 'Policy rule that asked; empty when the threshold did',
    reason_user    LowCardinality(String) COMMENT 'What the user may read',
    partition      UInt16                 COMMENT 'Journal position: partition',
    seq            UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx            UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1)),
    nth            UInt16                 COMMENT 'Which of the decision''s signals' CODEC(T64, ZSTD(1)),
    INDEX ix_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_challenge challenge_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_decided decided_at TYPE minmax GRANULARITY 1
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(if(ts > decided_at - INTERVAL 400 DAY AND ts < decided_at + INTERVAL 1 DAY, ts, decided_at))
PRIMARY KEY (tenant, toStartOfHour(ts), challenge_id)
ORDER BY (tenant, toStartOfHour(ts), challenge_id, revision, partition, seq, idx, nth)
{{.TTL "signals" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Every revision of every step-up challenge';

{{.Distributed "signals" "cityHash64(tenant, user_id)"}}
