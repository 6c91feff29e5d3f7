-- Decisions on sessions that owed a proof: those that were told to step up or were denied. Few of all, so that "did the
-- flag hold?" does not read features. The key is the row's place in the journal: the same row once more changes nothing.
--
-- Example: what was tried while a session was blocked, and got through
--   SELECT ts, user_id, session_id, event_action, risk FROM blocked
--   WHERE tenant = 'acme' AND decided_at > now() - INTERVAL 1 DAY AND outcome = 'success' AND event_type = 'dev.riskd.activity.v1'
--   ORDER BY ts DESC LIMIT 20
CREATE TABLE IF NOT EXISTS blocked{{.Local}}{{.OnCluster}}
(
    tenant        LowCardinality(String) COMMENT 'Tenant',
    challenge_id  String                 COMMENT 'The session''s challenge' CODEC(ZSTD(1)),
    ts            DateTime64(3, 'UTC')   COMMENT 'Event time' CODEC(Delta(8), ZSTD(1)),
    decided_at    DateTime64(3, 'UTC')   COMMENT 'When the scorer committed it' CODEC(Delta(8), ZSTD(1)),
    event_id      String                 COMMENT 'Event' CODEC(ZSTD(1)),
    event_type    LowCardinality(String) COMMENT 'CloudEvents type of the event',
    event_action  LowCardinality(String) COMMENT 'What the user did: auth.login, resource.export, ...',
    outcome       LowCardinality(String) COMMENT 'How that ended: success, failure, denied or challenged',
    user_id       String                 COMMENT 'User' CODEC(ZSTD(1)),
    session_id    String                 COMMENT 'Session' CODEC(ZSTD(1)),
    session_state LowCardinality(String) COMMENT 'The session after this event: required or denied, mostly',
    action        LowCardinality(String) COMMENT 'step_up or deny',
    risk          Float64                COMMENT 'Risk 0..100' CODEC(ZSTD(1)),
    partition     UInt16                 COMMENT 'Journal position: partition',
    seq           UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx           UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(decided_at)
PRIMARY KEY (tenant, toStartOfHour(decided_at))
ORDER BY (tenant, toStartOfHour(decided_at), partition, seq, idx)
{{.TTL "blocked" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'Decisions that asked for a proof or denied; filled by blocked_mv';

{{.Distributed "blocked" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS blocked_mv{{.OnCluster}} TO blocked{{.Local}} AS
SELECT tenant, challenge_id, ts, decided_at, event_id, event_type, event_action, outcome, user_id, session_id, session_state, action, risk, partition, seq, idx
FROM features{{.Local}}
WHERE action != 'allow'
COMMENT 'Fills blocked from features';

INSERT INTO blocked (tenant, challenge_id, ts, decided_at, event_id, event_type, event_action, outcome, user_id, session_id, session_state, action, risk, partition, seq, idx)
SELECT tenant, challenge_id, ts, decided_at, event_id, event_type, event_action, outcome, user_id, session_id, session_state, action, risk, partition, seq, idx
FROM features WHERE action != 'allow';
