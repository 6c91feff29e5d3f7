-- What a session certainly has none of, so that its story does not ask for that: most sessions were never challenged, and
-- hardly any has an event that came too late. A bit stays only while every row says it; rows from before this say none, and
-- such sessions are asked about everything. The same rows once more, in whatever batches, change nothing.
-- A challenge may lapse after its session's last event: since this, that counts into first and last.
--
-- Example: how many sessions of the last day were never challenged and never late
--   SELECT count() AS sessions, countIf(bitTest(lacks, 0) AND bitTest(lacks, 2)) AS plain
--   FROM (SELECT tenant, session_id, groupBitAnd(lacks) AS lacks FROM sessions WHERE decided_at > now() - INTERVAL 1 DAY GROUP BY tenant, session_id)
ALTER TABLE sessions{{.Local}}{{.OnCluster}} ADD COLUMN IF NOT EXISTS lacks SimpleAggregateFunction(groupBitAnd, UInt8) COMMENT 'Bits: 1 it has no late events, 2 no receipts or step-up results, 4 no signals; 0 is not known' AFTER decided_at;
{{if .Local}}
ALTER TABLE sessions{{.OnCluster}} ADD COLUMN IF NOT EXISTS lacks SimpleAggregateFunction(groupBitAnd, UInt8) COMMENT 'Bits: 1 it has no late events, 2 no receipts or step-up results, 4 no signals; 0 is not known' AFTER decided_at;
{{end}}
CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_of_signals_mv{{.OnCluster}} TO sessions{{.Local}} AS
SELECT tenant, session_id, user_id, min(ts) AS first, max(ts) AS last, max(s.decided_at) AS decided_at, toUInt8(3) AS lacks
FROM signals{{.Local}} AS s
GROUP BY tenant, session_id, user_id
COMMENT 'Fills sessions from signals';

CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_of_enforcement_mv{{.OnCluster}} TO sessions{{.Local}} AS
SELECT tenant, session_id, user_id, min(ts) AS first, max(ts) AS last, max(x.decided_at) AS decided_at, toUInt8(5) AS lacks
FROM enforcement{{.Local}} AS x
GROUP BY tenant, session_id, user_id
COMMENT 'Fills sessions from enforcement';

ALTER TABLE sessions_mv{{.OnCluster}} MODIFY QUERY SELECT tenant, session_id, user_id, min(ts) AS first, max(ts) AS last, max(e.decided_at) AS decided_at, toUInt8(if(countIf(status = 'late') > 0, 6, 7)) AS lacks
FROM events{{.Local}} AS e
GROUP BY tenant, session_id, user_id;

INSERT INTO sessions (tenant, session_id, user_id, first, last, decided_at)
SELECT tenant, session_id, user_id, min(ts), max(ts), max(decided_at) FROM signals GROUP BY tenant, session_id, user_id;
