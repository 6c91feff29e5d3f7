-- Where a session is found: whose it is and from when to when. Everything else is ordered by user or by time, so a
-- session's story asks here first and then reads a few granules. Only least and greatest values are kept: the same rows
-- once more, in whatever batches, change nothing.
--
-- Example: the longest sessions that ended in the last hour
--   SELECT tenant, session_id, any(user_id) AS user, min(first) AS began, max(last) AS ended, dateDiff('minute', began, ended) AS minutes
--   FROM sessions WHERE decided_at > now() - INTERVAL 1 HOUR GROUP BY tenant, session_id ORDER BY minutes DESC LIMIT 20
CREATE TABLE IF NOT EXISTS sessions{{.Local}}{{.OnCluster}}
(
    tenant     LowCardinality(String) COMMENT 'Tenant',
    session_id String                 COMMENT 'Session; u:<user> where the app sent none' CODEC(ZSTD(1)),
    user_id    String                 COMMENT 'User' CODEC(ZSTD(1)),
    first      SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'First event time, late events included' CODEC(Delta(8), ZSTD(1)),
    last       SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last event time, late events included' CODEC(Delta(8), ZSTD(1)),
    decided_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the scorer committed the last' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (tenant, session_id, user_id)
{{.TTL "sessions" "decided_at"}}
SETTINGS {{.Dedup}}
COMMENT 'Whose each session is, and when; filled by sessions_mv';

{{.Distributed "sessions" "cityHash64(tenant, user_id)"}}

CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_mv{{.OnCluster}} TO sessions{{.Local}} AS
SELECT tenant, session_id, user_id, min(ts) AS first, max(ts) AS last, max(e.decided_at) AS decided_at
FROM events{{.Local}} AS e
GROUP BY tenant, session_id, user_id
COMMENT 'Fills sessions from events';

INSERT INTO sessions SELECT tenant, session_id, user_id, min(ts), max(ts), max(decided_at) FROM events GROUP BY tenant, session_id, user_id;
