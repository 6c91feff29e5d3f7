-- What people said: users ("it was me"), analysts (legitimate, attack) and what they did from the console (end a challenge,
-- revoke a session). Few of all events, so that labels are found without reading those. The key is the row's place in the
-- journal: the same row once more changes nothing.
--
-- Example: the labels of the last 30 days, each event's last word
--   SELECT feedback_event_id, argMax(verdict, ts) AS said, argMax(author, ts) AS by, max(ts) AS at FROM feedback
--   WHERE tenant = 'acme' AND decided_at > now() - INTERVAL 30 DAY AND feedback_event_id != '' GROUP BY feedback_event_id ORDER BY at DESC
CREATE TABLE IF NOT EXISTS feedback{{.Local}}{{.OnCluster}}
(
    tenant            LowCardinality(String) COMMENT 'Tenant',
    ts                DateTime64(3, 'UTC')   COMMENT 'When it was said, event time' CODEC(Delta(8), ZSTD(1)),
    decided_at        DateTime64(3, 'UTC')   COMMENT 'When the scorer committed it' CODEC(Delta(8), ZSTD(1)),
    event_id          String                 COMMENT 'The feedback''s own event' CODEC(ZSTD(1)),
    source            LowCardinality(String) COMMENT 'CloudEvents source: which app or console',
    user_id           String                 COMMENT 'User it is about' CODEC(ZSTD(1)),
    session_id        String                 COMMENT 'Session it is about' CODEC(ZSTD(1)),
    feedback_event_id String                 COMMENT 'The event judged; empty: the session' CODEC(ZSTD(1)),
    challenge_id      String                 COMMENT 'The challenge it is about' CODEC(ZSTD(1)),
    verdict           LowCardinality(String) COMMENT 'legitimate, attack, end_challenge or revoke_session',
    author            LowCardinality(String) COMMENT 'Who says so',
    label             LowCardinality(String) COMMENT 'In the console''s words: it was them, an attack, a false alarm, ...',
    reason            String                 COMMENT 'Why, in their words' CODEC(ZSTD(1)),
    partition         UInt16                 COMMENT 'Journal position: partition',
    seq               UInt64                 COMMENT 'Journal position: record' CODEC(Delta(8), ZSTD(1)),
    idx               UInt32                 COMMENT 'Journal position: entry in the record' CODEC(Delta(4), ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY toYYYYMM(decided_at)
PRIMARY KEY (tenant, toStartOfHour(decided_at))
ORDER BY (tenant, toStartOfHour(decided_at), partition, seq, idx)
{{.TTL "feedback" "decided_at"}}
SETTINGS ttl_only_drop_parts = 1, {{.Dedup}}
COMMENT 'What users and analysts said of events and sessions; filled by feedback_mv';

{{.Distributed "feedback" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS feedback_mv{{.OnCluster}} TO feedback{{.Local}} AS
SELECT tenant, ts, decided_at, event_id, source, user_id, session_id, feedback_event_id, challenge_id, verdict, author, attributes['label'] AS label, reason, partition, seq, idx
FROM events{{.Local}}
WHERE type = 'dev.riskd.feedback.v1'
COMMENT 'Fills feedback from events';

INSERT INTO feedback (tenant, ts, decided_at, event_id, source, user_id, session_id, feedback_event_id, challenge_id, verdict, author, label, reason, partition, seq, idx)
SELECT tenant, ts, decided_at, event_id, source, user_id, session_id, feedback_event_id, challenge_id, verdict, author, attributes['label'], reason, partition, seq, idx
FROM events WHERE type = 'dev.riskd.feedback.v1';
